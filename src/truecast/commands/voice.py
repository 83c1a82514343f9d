"""What a process that stays says of itself: logs, traces, reports of errors."""

from pydantic import SecretStr

from truecast.kit import telemetry
from truecast.kit.known_secrets import known_secrets
from truecast.kit.logs import configure_logs
from truecast.kit.settings import Settings


def start_voice(settings: Settings, *more: SecretStr) -> None:
    """Logs on stderr, and what else the settings name; all without the secrets of the settings and those of `more`.

    Raises TelemetryMissing.
    """
    secrets = [*known_secrets(settings), *more]
    configure_logs(settings.log_level, settings.log_format, secrets=secrets)
    telemetry.start(settings, secrets)
