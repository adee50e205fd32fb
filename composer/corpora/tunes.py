"""The tunes of one ABC file as pieces of a corpus."""
