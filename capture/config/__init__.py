"""The configuration: one TOML file as frozen typed data.

Every key has its unit in its name. An unknown key, a missing one or a bad value is refused with its
section, its name and what would be right.
"""

from capture.config.fields import Address, Binning, Count, DeviceAddress, Name, PositiveSeconds
from capture.config.library import (
    CalibrationConfig,
    DeliveryConfig,
    LightsConfig,
    MastersConfig,
    RetentionConfig,
)
from capture.config.members import MembersConfig
from capture.config.notify import ChannelConfig, NotifyConfig, Topic
from capture.config.observatory import GuardConfig, ReservationsConfig, RoofConfig, SiteConfig, StorageConfig
from capture.config.reading import checked, read_text
from capture.config.rig import (
    STANDARD_DARKS_S,
    BiasConfig,
    CoolingConfig,
    DarksConfig,
    FlatsConfig,
    FlatSetConfig,
    FocusConfig,
    PanelConfig,
    RigConfig,
    SeasonConfig,
    SetPoint,
)
from capture.config.timeouts import Timeouts, TimeoutsConfig
from capture.config.web import WebConfig
from capture.config.whole import Config, load_config, parse_config

__all__ = [
    "STANDARD_DARKS_S",
    "Address",
    "BiasConfig",
    "Binning",
    "CalibrationConfig",
    "ChannelConfig",
    "Config",
    "CoolingConfig",
    "Count",
    "DarksConfig",
    "DeliveryConfig",
    "DeviceAddress",
    "FlatSetConfig",
    "FlatsConfig",
    "FocusConfig",
    "GuardConfig",
    "LightsConfig",
    "MastersConfig",
    "MembersConfig",
    "Name",
    "NotifyConfig",
    "PanelConfig",
    "PositiveSeconds",
    "ReservationsConfig",
    "RetentionConfig",
    "RigConfig",
    "RoofConfig",
    "SeasonConfig",
    "SetPoint",
    "SiteConfig",
    "StorageConfig",
    "Timeouts",
    "TimeoutsConfig",
    "Topic",
    "WebConfig",
    "checked",
    "load_config",
    "parse_config",
    "read_text",
]
