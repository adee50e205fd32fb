"""What the judge says, for people: as text and as a page."""
