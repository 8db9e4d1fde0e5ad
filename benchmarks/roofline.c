/* The roofline kernel as a plain C loop: what `make bench` holds archmodel/kernels/roofline.py against.
   Same packs, same equations, same order of sums; the packs arrive as structs of column pointers. */

#include <math.h>
#include <stdint.h>

typedef struct {
    const double *matrix_flop, *simd_flop, *vector_flop;
    const int64_t *dtype_idx;
    const double *activation_bytes, *weight_bytes, *sram_bytes, *dram_bytes, *gather_rows, *gather_row_bytes, *is_table, *table_first_byte, *table_bytes,
        *link_bytes, *reuse_sqrt, *reuse_linear, *element_bytes, *live_bytes, *executions;
} Operators;

typedef struct {
    const double *matrix_s_per_flop, *matrix_efficiency, *simd_s_per_flop, *vector_s_per_flop, *local_s_per_byte, *sram_s_per_byte,
        *dram_s_per_byte, *dram_peak_s_per_byte, *gather_s_per_byte, *host_s_per_byte, *link_s_per_byte,
        *local_inv_bytes, *local_inv_sqrt_bytes, *sram_inv_bytes, *sram_inv_sqrt_bytes, *operand_reads_per_mac,
        *access_bytes, *embedding_hit_frac;
} Machines;

typedef struct {
    const double *lls_bytes, *weight_miss_frac, *table_dram_bytes, *table_sram_bytes, *launch_s, *job_s;
} Placements;

static inline double larger(double a, double b) { return a > b ? a : b; }

void time_traces(int64_t n_operators, int64_t n_machines, Operators ops, Machines machines,
                 Placements placement, double *restrict out_latency_s, double *restrict out_lower_s,
                 double *restrict out_upper_s, double *restrict out_bound_s)
{
    for (int64_t m = 0; m < n_machines; m++) {
        const double *matrix_s_per_flop = machines.matrix_s_per_flop + m;
        const double *simd_s_per_flop = machines.simd_s_per_flop + m;
        const double *vector_s_per_flop = machines.vector_s_per_flop + m;
        const double local_s_per_byte = machines.local_s_per_byte[m], sram_s_per_byte = machines.sram_s_per_byte[m];
        const double dram_s_per_byte = machines.dram_s_per_byte[m];
        const double dram_peak_s_per_byte = machines.dram_peak_s_per_byte[m];
        const double gather_s_per_byte = machines.gather_s_per_byte[m];
        const double host_s_per_byte = machines.host_s_per_byte[m], link_s_per_byte = machines.link_s_per_byte[m];
        const double local_inv_bytes = machines.local_inv_bytes[m], sram_inv_bytes = machines.sram_inv_bytes[m];
        const double local_inv_sqrt_bytes = machines.local_inv_sqrt_bytes[m];
        const double sram_inv_sqrt_bytes = machines.sram_inv_sqrt_bytes[m];
        const double matrix_efficiency = machines.matrix_efficiency[m];
        const double operand_reads_per_mac = machines.operand_reads_per_mac[m];
        const double unit = machines.access_bytes[m], embedding_hit_frac = machines.embedding_hit_frac[m];
        const double lls_bytes = placement.lls_bytes[m], weight_miss_frac = placement.weight_miss_frac[m];
        const double table_dram_bytes = placement.table_dram_bytes[m], table_sram_bytes = placement.table_sram_bytes[m];
        const double launch_s = placement.launch_s[m];
        const double job_s = placement.job_s[m];

        double latency_s = job_s, upper_s = job_s, n_launches = 0.0;
        double sums_s[8] = {0.0}, bound_s[8] = {0.0};
        for (int64_t o = 0; o < n_operators; o++) {
            const int64_t dtype = ops.dtype_idx[o];
            const double activation_bytes = ops.activation_bytes[o], live_bytes = ops.live_bytes[o];
            const double spilled_bytes =
                live_bytes > lls_bytes ? activation_bytes * (1.0 - lls_bytes / live_bytes) : 0.0;
            const double dram_bytes = ops.dram_bytes[o] + spilled_bytes + ops.weight_bytes[o] * weight_miss_frac;
            double moved_bytes = activation_bytes + ops.weight_bytes[o] + ops.dram_bytes[o] + ops.sram_bytes[o];
            double sram_bytes = larger(
                moved_bytes, ops.reuse_sqrt[o] * local_inv_sqrt_bytes + ops.reuse_linear[o] * local_inv_bytes);
            const double again_bytes = ops.reuse_sqrt[o] * sram_inv_sqrt_bytes + ops.reuse_linear[o] * sram_inv_bytes;
            double streamed_bytes = dram_bytes;
            if (again_bytes > moved_bytes)
                streamed_bytes = dram_bytes * (again_bytes / moved_bytes);

            double gather_bytes = 0.0, host_bytes = 0.0;
            if (ops.gather_rows[o] > 0.0) {
                const double row_bytes = ops.gather_row_bytes[o], n_units = ceil(row_bytes / unit);
                const double table_bytes = ops.table_bytes[o];
                const double last_byte = ops.table_first_byte[o] + table_bytes;
                const double hit = last_byte > table_sram_bytes ? embedding_hit_frac : 1.0;
                const double beyond_bytes = last_byte - table_dram_bytes;
                const double beyond = beyond_bytes / larger(1.0, table_bytes);
                const double remote = beyond < 0.0 ? 0.0 : beyond > 1.0 ? 1.0 : beyond;
                const double missed_rows = ops.gather_rows[o] * (1.0 - ops.is_table[o] * hit);
                gather_bytes = missed_rows * n_units * unit;
                host_bytes = missed_rows * row_bytes * remote;
                sram_bytes += ops.gather_rows[o] * row_bytes;
                moved_bytes += ops.gather_rows[o] * row_bytes;
            }
            const double local_bytes =
                moved_bytes + ops.matrix_flop[o] * 0.5 * ops.element_bytes[o] * operand_reads_per_mac;
            const double busy_s[8] = {
                ops.matrix_flop[o] * matrix_s_per_flop[dtype * n_machines],
                ops.simd_flop[o] * simd_s_per_flop[dtype * n_machines],
                ops.vector_flop[o] * vector_s_per_flop[dtype * n_machines],
                local_bytes * local_s_per_byte,
                sram_bytes * sram_s_per_byte,
                streamed_bytes * dram_s_per_byte + gather_bytes * gather_s_per_byte,
                host_bytes * host_s_per_byte,
                ops.link_bytes[o] * link_s_per_byte,
            };

            const double count = ops.executions[o];
            double slowest_s = busy_s[0], total_s = 0.0;
            int bound = 0;
            for (int r = 1; r < 8; r++)
                if (busy_s[r] > slowest_s) {
                    slowest_s = busy_s[r];
                    bound = r;
                }
            for (int r = 0; r < 8; r++)
                total_s += busy_s[r];
            latency_s += (slowest_s + launch_s) * count;
            upper_s += (total_s + launch_s) * count;
            bound_s[bound] += slowest_s * count;
            n_launches += count;
            for (int r = 0; r < 8; r++)
                if (r != 0 && r != 4 && r != 5)
                    sums_s[r] += busy_s[r] * count;
            sums_s[0] += busy_s[0] * matrix_efficiency * count;
            sums_s[4] += moved_bytes * sram_s_per_byte * count;
            sums_s[5] += (dram_bytes - spilled_bytes + gather_bytes) * dram_peak_s_per_byte * count;
        }

        double lower_s = 0.0;
        for (int r = 0; r < 8; r++) {
            out_bound_s[m * 9 + r] = bound_s[r];
            lower_s = larger(lower_s, sums_s[r]);
        }
        out_bound_s[m * 9 + 8] = n_launches * launch_s + job_s;
        out_latency_s[m] = latency_s;
        out_lower_s[m] = lower_s;
        out_upper_s[m] = upper_s;
    }
}
