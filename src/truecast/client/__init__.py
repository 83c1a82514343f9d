"""The Python client of a Truecast server: typed answers and errors, retries, streams that resume, data frames.

    from truecast.client import Client

    with Client() as client:
        forecast = client.create_forecast("EUR-USD", "1d", 10)
        print(forecast.steps[-1].median, forecast.skill.verdict)

Stands alone: nothing of the server is imported. See docs/client.md.
"""

from truecast.client import problems as problems
from truecast.client import shapes as shapes
from truecast.client.aio import AsyncClient as AsyncClient
from truecast.client.errors import AnswerUnreadable as AnswerUnreadable
from truecast.client.errors import ClientError as ClientError
from truecast.client.errors import Conflict as Conflict
from truecast.client.errors import ConnectionFailed as ConnectionFailed
from truecast.client.errors import ExtraMissing as ExtraMissing
from truecast.client.errors import Forbidden as Forbidden
from truecast.client.errors import Malformed as Malformed
from truecast.client.errors import NaiveTime as NaiveTime
from truecast.client.errors import NotFound as NotFound
from truecast.client.errors import Problem as Problem
from truecast.client.errors import ServerFailed as ServerFailed
from truecast.client.errors import TimedOut as TimedOut
from truecast.client.errors import TooManyRequests as TooManyRequests
from truecast.client.errors import Unauthorized as Unauthorized
from truecast.client.errors import Unavailable as Unavailable
from truecast.client.news import CandleMessage as CandleMessage
from truecast.client.news import ForecastMessage as ForecastMessage
from truecast.client.news import Joined as Joined
from truecast.client.news import Lost as Lost
from truecast.client.news import Message as Message
from truecast.client.news import Missed as Missed
from truecast.client.news import News as News
from truecast.client.news import OtherMessage as OtherMessage
from truecast.client.news import QuoteMessage as QuoteMessage
from truecast.client.news import ScoreMessage as ScoreMessage
from truecast.client.news import Skipped as Skipped
from truecast.client.problem import NoLiveSource as NoLiveSource
from truecast.client.problem import RateLimited as RateLimited
from truecast.client.retry import Pace as Pace
from truecast.client.retry import Retry as Retry
from truecast.client.shapes import ForecastRequest as ForecastRequest
from truecast.client.shapes import PositionIn as PositionIn
from truecast.client.sync import Client as Client
from truecast.client.tables import to_numpy as to_numpy
from truecast.client.tables import to_pandas as to_pandas
from truecast.client.tables import to_polars as to_polars
