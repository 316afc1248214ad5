"""Run by the foreign Python: `light dark flat OUT`; ccdproc's calibration of a light, float64, as .npy."""

from __future__ import annotations

import sys
import warnings

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData

warnings.simplefilter("ignore")
import ccdproc  # noqa: E402 - it warns of packages that it would like

light, dark, flat = (CCDData.read(name, unit="adu") for name in sys.argv[1:4])
# The exposures are the same, and the dark keeps its bias: it is subtracted as it is.
less = ccdproc.subtract_dark(
    light,
    dark,
    dark_exposure=120 * u.second,
    data_exposure=120 * u.second,
    exposure_time=None,
    exposure_unit=u.second,
)
mean = flat.header["FLATMEAN"]
done = ccdproc.flat_correct(less, flat, min_value=0.2 * mean, norm_value=mean * u.adu)
np.save(sys.argv[4], np.asarray(done.data, dtype=np.float64))
ours = CCDData.read(sys.argv[5])
np.save(sys.argv[6], ours.mask)
