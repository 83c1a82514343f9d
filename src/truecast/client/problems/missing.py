"""Problems with a status of 404, one class for each code.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.errors import NotFound


class NoPrice(NotFound):
    """Known, but no bar of it has arrived.

    Facts: `symbol`.
    """

    code = "no_price"


class NoSuchPath(NotFound):
    """Nothing lives there.

    Facts: `path`.
    """

    code = "no_such_path"


class NotAtAnySource(NotFound):
    """No configured source has such an instrument; `reasons` says why, one by one.

    Facts: `symbol`, `summary`.
    """

    code = "not_at_any_source"


class NotExplained(NotFound):
    """It was sealed by a release that gave no explanations; computed afterwards it would not be what was sealed.

    Facts: `id`.
    """

    code = "not_explained"


class NotForecastYet(NotFound):
    """Nothing was issued that could be explained.

    Facts: `symbol`.
    """

    code = "not_forecast_yet"


class UnknownComponent(NotFound):
    """No part of the server is called so.

    Facts: `name`.
    """

    code = "unknown_component"


class UnknownFeatureSet(NotFound):
    """Nothing by that name.

    Facts: `feature_set`, `choices`.
    """

    code = "unknown_feature_set"


class UnknownForecast(NotFound):
    """No forecast has that id.

    Facts: `id`.
    """

    code = "unknown_forecast"


class UnknownJob(NotFound):
    """No job has that name.

    Facts: `job`, `known`.
    """

    code = "unknown_job"


class UnknownKey(NotFound):
    """No key has this id.

    Facts: `id`.
    """

    code = "unknown_key"


class UnknownModel(NotFound):
    """Nothing by that name.

    Facts: `model`, `choices`.
    """

    code = "unknown_model"


class UnknownQuarantine(NotFound):
    """No refused row has that number.

    Facts: `number`.
    """

    code = "unknown_quarantine"


class UnknownSource(NotFound):
    """No such adapter.

    Facts: `source`, `known`.
    """

    code = "unknown_source"


class UnknownSymbol(NotFound):
    """Nothing by that name.

    Facts: `symbol`, `nearest`.
    """

    code = "unknown_symbol"


class UnknownTopic(NotFound):
    """No topic is called like that.

    Facts: `topic`, `known`.
    """

    code = "unknown_topic"


class UnknownVersion(NotFound):
    """No such version was trained here.

    Facts: `model`, `version`.
    """

    code = "unknown_version"
