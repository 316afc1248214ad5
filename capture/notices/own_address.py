"""Where a person wants to be told: set by themselves on the page, so by nobody whom the machine can trust."""

from __future__ import annotations

from collections.abc import Iterable

from capture.config import NotifyConfig, Topic
from capture.errors import BadInput
from capture.notices.addresses import OPERATORS, check_person, is_plain_mail
from capture.notices.apprising import scheme_of
from capture.store.accounts import AccountRow, Accounts

# Each calls the hosts of its own service alone. Any other could make this machine call its neighbours.
SERVICES = {
    "discord": "discord", "pbul": "Pushbullet", "pover": "Pushover", "slack": "Slack", "tgram": "Telegram"
}  # fmt: skip


def kind_of_own(accounts: Accounts, name: str) -> str:
    """What kind of address the account has: "mail", the URL's scheme, or nothing."""
    url = next((row.url for row in accounts.addresses() if row.account == name), "")
    return "mail" if is_plain_mail(url) else scheme_of(url)


def topics_of(words: Iterable[str], role: str, name: str) -> list[str]:
    """The operators' events of these names. Raises BadInput for unknown ones, and for members."""
    found = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    for word in found:
        if word not in list(Topic):
            raise BadInput(f"there is no event {word!r}; there are {', '.join(Topic)}")
    if found and role not in OPERATORS:
        raise BadInput(f"{name} is {role}: these events are for operators; leave them out")
    return found


def set_own(
    accounts: Accounts, row: AccountRow, config: NotifyConfig | None, url: str, events: Iterable[str]
) -> str:
    """Tell the account's person there from now on, nowhere if `url` is empty; return what was done, in words.

    Raises BadInput, which does not show `url`, for an address that a person may not set.
    """
    if config is None:
        raise BadInput("this farm tells nobody: its config has no [notify]")
    topics = topics_of(events, row.role, row.name)
    if not url:
        accounts.set_address(row.name, None)
        return "You are told nothing any more."
    if not is_plain_mail(url) and scheme_of(url) not in SERVICES:
        raise BadInput(
            f"give a mail address, or a URL of Apprise that begins with {', '.join(SERVICES)}; "
            "any other an operator sets, with nightcal users notify"
        )
    check_person(url, config)
    accounts.set_address(row.name, url, topics)
    return f"You are told by {'mail' if is_plain_mail(url) else SERVICES[scheme_of(url)]} from now on."
