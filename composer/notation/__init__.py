"""ABC and its relatives: languages for writing music down."""
