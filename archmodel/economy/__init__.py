"""Energy, area and money: from operations and bytes to tokens per dollar and per joule."""
