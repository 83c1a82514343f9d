"""Problems with a status of 409, one class for each code.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.errors import Conflict


class AmbiguousSymbol(Conflict):
    """Several instruments by that name.

    Facts: `symbol`, `candidates`.
    """

    code = "ambiguous_symbol"


class AnswerNotKept(Conflict):
    """It was done, and its answer is not kept: it holds a secret, or is too large.

    Facts: `reason`.
    """

    code = "answer_not_kept"


class ArtifactRefused(Conflict):
    """The files are not what was trained here, or no longer what they were.

    Facts: `model`, `reason`.
    """

    code = "artifact_refused"


class BackupElsewhere(Conflict):
    """A server has tools of its own for this.

    Facts: `where`.
    """

    code = "backup_elsewhere"


class ExchangeRateMissing(Conflict):
    """Returns in several currencies cannot be added up.

    Facts: `symbol`, `currency`, `base`, `interval`, `pair`.
    """

    code = "exchange_rate_missing"


class HistoryTooShort(Conflict):
    """The model needs more bars than there are.

    Facts: `symbol`, `have`, `interval`, `model`, `need`.
    """

    code = "history_too_short"


class IntervalNotAvailable(Conflict):
    """No series that has these bars, and none to make them from.

    Facts: `symbol`, `interval`, `available`.
    """

    code = "interval_not_available"


class ModelUnavailable(Conflict):
    """The model exists, and cannot serve here and now.

    Facts: `model`, `reason`.
    """

    code = "model_unavailable"


class NoBars(Conflict):
    """The series has none that were known then.

    Facts: `symbol`, `interval`, `as_of`.
    """

    code = "no_bars"


class NotReleasable(Conflict):
    """What was refused can be no bar whatever anybody says, or it is released already.

    Facts: `number`, `reason`.
    """

    code = "not_releasable"


class NotTrainable(Conflict):
    """The model learns from the series itself, at once; there is nothing to train.

    Facts: `model`, `choices`.
    """

    code = "not_trainable"


class NothingInPeriod(Conflict):
    """There are bars, but none or too few of them in the time asked about.

    Facts: `symbol`, `interval`, `period`, `as_of`, `last`.
    """

    code = "nothing_in_period"


class NothingToPromote(Conflict):
    """No version waits.

    Facts: `model`, `scope`, `reason`.
    """

    code = "nothing_to_promote"


class NothingToRollBack(Conflict):
    """No version serves.

    Facts: `model`, `scope`.
    """

    code = "nothing_to_roll_back"


class OutOfScope(Conflict):
    """The model was not trained for such a series.

    Facts: `model`, `symbol`, `reason`.
    """

    code = "out_of_scope"


class PortfolioLost(Conflict):
    """More than everything.

    Facts: `at`.
    """

    code = "portfolio_lost"


class PriceTooOld(Conflict):
    """There is one, but older than asked for, and no source was to be asked.

    Facts: `symbol`, `age_s`, `max_age_s`.
    """

    code = "price_too_old"


class PromotionRefused(Conflict):
    """The evidence does not suffice, or speaks against it.

    Facts: `version`, `model`, `reason`.
    """

    code = "promotion_refused"


class RequestUnderWay(Conflict):
    """The first one is not answered yet.

    Facts: `retry_after_s`.
    """

    code = "request_under_way"


class ReturnsUndefined(Conflict):
    """A share of nothing, or of less than nothing, is none.

    Facts: `symbol`, `price`, `at`.
    """

    code = "returns_undefined"


class SampleTooSmall(Conflict):
    """The number would be a guess.

    Facts: `what`, `need`, `have`.
    """

    code = "sample_too_small"


class TooManyFollowed(Conflict):
    """There is a limit to what one installation follows.

    Facts: `count`, `most`.
    """

    code = "too_many_followed"


class TrainingUnderWay(Conflict):
    """Somebody trains that already.

    Facts: `model`, `scope`.
    """

    code = "training_under_way"
