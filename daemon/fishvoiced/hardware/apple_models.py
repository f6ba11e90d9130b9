"""Apple models: which ``hw.model`` has a fan and which has none."""

from __future__ import annotations

# Apple Silicon notebooks without a fan; the MacBookAir prefix ended with the M1.
FANLESS_MODELS = frozenset({"MacBookAir10,1", "Mac14,2", "Mac14,15", "Mac15,12", "Mac15,13", "Mac16,12", "Mac16,13"})

# Machines with a fan that carry a base chip ("Apple M1" … "Apple M5").
FAN_MODELS = frozenset(
    {
        *("MacBookPro17,1", "Macmini9,1", "iMac21,1", "iMac21,2"),
        *("Mac14,7", "Mac14,3"),
        *("Mac15,3", "Mac15,4", "Mac15,5"),
        *("Mac16,1", "Mac16,2", "Mac16,3", "Mac16,10"),
        *("Mac17,2",),
    }
)


def fanless(model: str) -> bool | None:
    """Whether an Apple model is without a fan; None when the model is not in the tables.

    Accepts ``hw.model`` ("Mac14,2") and the device-tree name that Linux shows on the same
    machines ("Apple MacBook Air (13-inch, M2, 2022)").
    """
    name = model.strip().strip("\0")
    if name in FANLESS_MODELS or name.casefold().removeprefix("apple ").startswith("macbook air"):
        return True
    if name in FAN_MODELS or "macbook pro" in name.casefold() or "mac mini" in name.casefold():
        return False
    return None
