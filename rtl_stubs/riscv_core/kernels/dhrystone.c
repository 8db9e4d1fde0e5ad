/* A loop in the manner of Dhrystone (R. P. Weicker, CACM 27(10), 1984): records, strings, calls, branches, arrays.
 * Written for this project. At its end it pushes what it has computed. */
typedef struct record {
    struct record *next;
    int kind;
    int number;
    char text[16];
} record;

static record first = {0, 1, 40, "first of these"}, second = {&first, 2, 10, "second of these"};
static char letter = 'A';
static int flag = 1, table[12] = {7}, square[6][6] = {{1}};

__attribute__((noinline)) static int is_same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

__attribute__((noinline)) static void copy(char *to, const char *from)
{
    do
        *to++ = *from;
    while (*from++);
}

__attribute__((noinline)) static int choose(int kind, int number)
{
    switch (kind) {
    case 0: return number > 100 ? 0 : 3;
    case 1: return flag ? 2 : 1;
    case 2: return 1;
    default: return number % 3;
    }
}

__attribute__((noinline)) static void fill(int at, int value)
{
    table[at] = value;
    table[at + 1] = table[at] * 3;
    for (int i = at; i <= at + 1; i++)
        square[at][i - at] = at + i;
    square[at][5] += value / 7;
}

static int run(int n)
{
    int sum = 0;
    for (int i = 1; i <= n; i++) {
        record *now = i & 1 ? &first : &second;
        now->number += i * 5;
        now->kind = choose(now->kind, now->number);
        if (is_same(first.text, second.text))
            letter++;
        else
            copy(now->text, i & 2 ? "first of these" : "first of those");
        fill(i % 5, now->number);
        if (now->next)
            sum += now->next->number - now->kind;
        flag = !flag;
        sum = sum * 3 / 2 + letter + table[i % 5 + 1];
    }
    return sum;
}

__attribute__((used)) static void start(void)
{
    int sum = run(5);
    __asm__ volatile(
        ".insn r 0x0b, 0, 0, x0, %0, %1\n.insn r 0x0b, 0, 1, x0, %2, %3\n.insn r 0x0b, 1, 5, x0, x0, x0\necall"
        : : "r"(sum), "r"(first.number), "r"((int)letter), "r"(square[2][1]));
    __builtin_unreachable();
}

/* The stack begins at the end of the data memory. */
__asm__(".section .text.start\n.globl _start\n_start:\n lui sp, 0x11\n j start\n.text\n");
