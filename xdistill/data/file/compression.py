"""Compression of cohort files."""

from __future__ import annotations

from typing import Any

from xdistill.errors import UserError
from xdistill.types import ModalitySpec

BLOSC2_FILTER = 32026  # its number in the registry of HDF5 filters


def filter_options(compression: str, spec: ModalitySpec) -> dict[str, Any]:
    """Arguments of ``h5py.Group.create_dataset``; vectors are small and not compressed.

    Raises:
        UserError: for blosc2 if hdf5plugin is not installed.
    """
    if compression == "none" or spec.kind == "vector":
        return {}
    if compression == "lzf":
        return {"compression": "lzf", "shuffle": True}
    require_blosc2()
    import hdf5plugin

    return dict(hdf5plugin.Blosc2(cname="zstd", clevel=5, filters=hdf5plugin.Blosc2.SHUFFLE))


def require_blosc2() -> None:
    """Register Blosc2 with HDF5.

    Raises:
        UserError: if hdf5plugin is not installed.
    """
    try:
        import hdf5plugin  # noqa: F401  # its import registers the filter
    except ImportError:
        raise UserError(
            "blosc2 compression needs hdf5plugin, which is not installed; run `pip install 'xdistill[blosc2]'`, or set "
            "`cache.compression` to `none` or `lzf`"
        ) from None


def is_blosc2(values: Any) -> bool:
    """Whether an HDF5 data set is stored with Blosc2."""
    plist = values.id.get_create_plist()
    return any(plist.get_filter(number)[0] == BLOSC2_FILTER for number in range(plist.get_nfilters()))
