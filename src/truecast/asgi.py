"""For ASGI servers: `uvicorn --factory truecast.asgi:app`. The same process as `truecast serve`."""

from truecast.api.app import App, create_app
from truecast.commands.voice import start_voice
from truecast.kit.secret import secret_of
from truecast.kit.settings import Settings
from truecast.wiring import Role, build


def app() -> App:
    """The application over the settings of the environment."""
    settings = Settings()
    start_voice(settings, secret_of(settings))
    return create_app(build(settings, Role.SERVE))
