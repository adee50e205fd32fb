"""What Humdrum files hold that a score does not, and bars that do not add up."""

from composer.errors import Notice
from composer.io.kern import loads

TEXT = """**kern\t**text\t**kern
*M3/4\t*\t*M3/4
=1\t=1\t=1
2.C\tla\t2.e
=2\t=2\t=2
2C\tlo\t2e
=3\t=3\t=3
2.C\tlo\t2.e
=4\t=4\t=4
2.C\tlo\t2.e
*-\t*-\t*-
"""


def test_other_spines_and_uneven_bars() -> None:
    found: list[Notice] = []
    loads(TEXT.encode(), "a.krn", notices=found)
    assert found == [Notice("ignored", "", "**text spines"), Notice("bar", "bar 2", "has 2/4, not 3/4")]
