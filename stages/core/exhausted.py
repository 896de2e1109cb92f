"""What ran out: space or memory. Libraries tell it in many ways, and who runs a stage is to be told in one."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from stages.core.errors import Fault

_SPACE = (errno.ENOSPC, errno.EDQUOT)
_SPACE_WORDS = ("No space left on device", "Disk quota exceeded")
_WRITING_WORDS = ("inline_container", "PytorchStreamWriter")
"""PyTorch's writer of archives fails without saying why."""
_MEMORY_WORDS = (
    "not enough memory", "can't allocate memory", "Cannot allocate memory", "failed to map segment",
    "can't start new thread", "Failed to launch worker thread",
)  # fmt: skip
_LIBRARIES = ("pyarrow", "safetensors")
"""Their errors are of kinds of their own."""
_UNTOUCHED = "what was there before is untouched"


def what_ran_out(error: BaseException) -> Fault | None:
    """What there was too little of, by the error or one of those that led to it; None where it was something else.

    The messages of libraries are looked at and never shown, for they may hold text of a record.
    """
    for one in _chain(error):
        place = getattr(one, "filename", None)
        if getattr(one, "errno", None) in _SPACE or _says(one, _SPACE_WORDS):
            return Fault(str(place or "disk"), "no space left", f"free some; {_UNTOUCHED}")
        if getattr(one, "errno", None) == errno.EFBIG:
            return Fault(str(place or "disk"), "larger than a file may be", f"raise the limit; {_UNTOUCHED}")
        if isinstance(one, RuntimeError) and _says(one, _WRITING_WORDS):
            step = f"look whether there is space on the disks of the project and of the output; {_UNTOUCHED}"
            return Fault("disk", "a file of the model could not be written", step)
        if isinstance(one, MemoryError) or type(one).__name__ == "OutOfMemoryError" or _says(one, _MEMORY_WORDS):
            step = f"raise its limit, or lower engine.workers, batch_size or finetune.max_length; {_UNTOUCHED}"
            return Fault("memory", "none left", step)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on; no more than a few, for a chain may bite its tail."""
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _says(error: BaseException, words: tuple[str, ...]) -> bool:
    """Whether a message of the system or of a library has one of these words; those of our own code may quote data."""
    from_below = isinstance(error, OSError | RuntimeError | ImportError) or type(error).__module__.startswith(
        _LIBRARIES
    )
    return from_below and any(word in str(error) for word in words)
