"""What can go wrong, in one line that says what, where and what to do."""

from typing import NamedTuple, Self


class Notice(NamedTuple):
    """Something in a file that was read, but not as it stands: it was ``ignored``, or a ``bar`` does not add up.

    Readers collect notices where they are asked to: ``loads(data, name, notices=[])``.
    """

    kind: str  # ignored or bar
    place: str  # "line 12, column 5", "bar 3"; empty for the whole file
    text: str
    times: int = 1  # how often, where a reader counts

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


def brief(text: str, most: int = 400) -> str:
    """A message on one line, of at most so many characters: what is too long loses its middle."""
    line, half = " ".join(text.split()), most // 2
    return line if len(line) <= most else f"{line[:half]} ... {line[-half:]}"


class ComposerError(Exception):
    """Every failure a user can cause or meet; the command line prints it as one line and exits with 1."""

    exit_code = 1


class UsageError(ComposerError):
    """The request itself does not make sense (exit code 2)."""

    exit_code = 2


class InvalidScore(ComposerError, ValueError):
    """A score that breaks an invariant; the message names part, bar and beat."""


class ReadError(ComposerError):
    """A file that cannot be read as music, or as a model; the message names the file and the place."""


class WriteError(ComposerError):
    """A file that cannot be written; nothing is left behind."""


class Unsupported(UsageError):
    """A model that cannot complete this sketch; the message names the models that can."""


class Diverged(ComposerError):
    """A training whose numbers are no longer finite; the message says at which step, and what is kept."""


class Infeasible(ComposerError):
    """A sketch that nothing can satisfy; the message says where it fails, in bars and beats."""

    step: int | None = None  # of the constraints, where one is known

    @classmethod
    def at(cls, step: int, place: str) -> Self:
        """For a ``step`` that nothing known can pass, and its ``place`` in words."""
        error = cls(f"nothing this model knows can pass {place}")
        error.step = step
        return error
