"""For ASGI servers: `uvicorn --factory truecast.asgi:app`. The same process as `truecast serve`."""

from truecast.api.app import App, create_app
from truecast.kit.settings import Settings
from truecast.wiring import Role, build


def app() -> App:
    """The application over the settings of the environment."""
    return create_app(build(Settings(), Role.SERVE))
