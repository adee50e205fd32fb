"""Playing: clocks, ports and, to come, the improviser."""
