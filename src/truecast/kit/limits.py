"""Every limit of the product, named with its unit."""

HORIZON_STEPS_MAX = 168
LEVEL_MIN, LEVEL_MAX = (
    0.5,
    0.995,
)  # confidence of an interval: below, it is wrong more often than right; above, no sample supports it
LEVELS_MAX = 10  # confidence levels in one request

CANDLES_MAX = 5_000  # rows of one answer
PAGE_ITEMS_MAX = 200
REQUEST_BODY_BYTES_MAX = 1_048_576

HISTORY_BARS_MAX = 2_000  # bars a forecast is computed from: fixed, so that a replay gives the same answer

CSV_COLUMNS_MAX = 512
CSV_FILE_BYTES_MAX = 2_147_483_648
CSV_LINE_BYTES_MAX = 1_048_576

HTTP_BODY_BYTES_MAX = 67_108_864
HTTP_TIMEOUT_S = 20.0
HTTP_TIMEOUT_S_MAX = 300.0
CLOCK_SKEW_S_MAX = 300.0  # a bar may start this far in the future before it is quarantined

SECRET_CHARS_MIN = 32  # 192 bits as written by `secrets.token_urlsafe`
COMPUTE_THREADS_MAX = 4
COMPUTE_WAITING_MAX = 256  # calls that wait for a thread; more are refused, so that the queue cannot eat the memory

HTTP_ATTEMPTS_MAX = 3
HTTP_BACKOFF_S_FIRST = 0.5  # the most the first retry waits; doubled for each one after
HTTP_CONNECTIONS_MAX = 8  # of one client, so that one slow source cannot take every socket
CALLS_WAITING_MAX = 64  # for one of these connections; more are refused
HTTP_RETRY_AFTER_S_MAX = 30.0  # a source that asks for more is asked again by the next job instead

OUTCOME_GRACE_S = 604_800.0  # a bar that is missing this long after it was due, while later ones came, will not come
RESOLVE_STEPS_MAX = 20_000  # steps settled in one transaction
SERIES_FAILURES_MAX = 3  # in a row, in one run: then the source itself is taken to be away

DISK_FREE_BYTES_MIN = 268_435_456  # below, health says so: the next bars may not fit
WRITE_CHECK_EVERY_S = 5.0  # how old what health says of writing may be
WRITE_CHECK_WAIT_S = 1.0  # for a lock that another process holds
CLOCK_APART_S_MAX = 30.0  # by which our clock may differ from those of sources before health says so
JOB_RUN_S_MAX = 18_000.0  # a run that takes longer than any training may is stuck
JOB_LAG_S_MAX = 300.0  # a job that is due longer ago than this makes the server not ready

CSV_REFUSED_ROWS_LISTED_MAX = 100  # of one file, with line and reason; the rest is counted
CSV_PREAMBLE_LINES_MAX = 10  # titles above the header
SUMMARIES_KEPT_MAX = 128  # track records and walk-forward tests kept until there is news
SUMMARY_ROWS_KEPT_MAX = 8_192  # rows of track records whose series has no news
WALK_FORWARD_ORIGINS = 500
SETTLED_ORIGINS_MAX = 10_000  # of one series, model and step that a track record reaches back
BATCH_ITEMS_MAX = 100  # forecasts asked in one request
RECORDS_KEPT_MAX = 4_096  # measured coverages and skills kept for series whose bars did not change
RECENT_SERIES_MAX = 1_024  # series whose last bars are kept from one round of forecasts to the next
EVALUATE_ORIGINS_MAX = 10_000  # of one series in one evaluation
EVALUATE_WORKERS_MAX = 256
EVALUATE_SEEDS_MAX = 100  # with which trained models are evaluated
TRAINING_BARS_MAX = 5_000  # of each series, the last ones, that a model is trained on

SOURCE_BARS_MAX = 20_000  # of one answer of a source, however many requests it takes

BREAKER_WINDOW = 20  # outcomes of the latest calls that a circuit breaker looks at
BREAKER_OUTCOMES_MIN = 5  # fewer say nothing; so many failures in a row say enough
BREAKER_FAILURES_SHARE = 0.5  # from here on it opens
BREAKER_OPEN_S_FIRST = 15.0
BREAKER_OPEN_S_MAX = 300.0
PROBES_SHARE = 0.15  # of a published limit that asking whether a source is back may use up

RETRY_SHARE_MAX = 0.1  # of all calls to a source that may be repetitions
RETRIES_MIN = 2  # allowed even to a source that is hardly ever asked
RETRY_HALF_LIFE_S = 600.0  # after so long, calls and retries count half

TIME_LIMIT_S_FIRST = 5.0  # to the first byte, of a source whose latency is not known yet
TIME_LIMIT_S_MIN = 1.0

BUDGET_PARTS = 32  # a window of a published limit is counted in so many parts
BUDGET_TRAVEL_S = 0.25  # by which calls may come closer together on their way
BUDGET_RESERVED_SHARE = 0.2  # of each published limit, for calls that a user waits for
BUDGET_WAIT_S_MAX = 60.0  # a job waits so long for its share, then the next source is asked
BUDGET_WAIT_USER_S_MAX = 0.25
BUDGET_SHARE_ALONE = 0.25  # of each limit, while the processes cannot agree: up to four stay within it together
BUDGET_ALONE_S = 5.0  # so long Redis is not asked again after it did not answer
REDIS_TIMEOUT_S = 0.5
PAUSE_S_DEFAULT = 5.0  # after a 429 that does not say how long

QUOTES_BATCH_MAX = 100  # symbols in one question
BATCH_WINDOW_S = 0.005  # so long a question waits for others that can share its call

TRAINING_SERIES_MAX = 64  # of one class and interval, the longest ones, that a model is trained on
TRAINING_FIRST_S = 900.0  # after the start, before which nothing is trained
TRAINING_APART_S_MIN = 86_400.0  # between two trainings of a scope that drifts
DRIFT_CHECK_S = 86_400.0  # between two looks for drift: more would only raise more false alarms
TRAINING_S_MAX = 14_400.0  # of one training: on a busy machine it waits for everything else
TRAINING_BYTES_MAX = 4_294_967_296  # of memory that one training may take
ARTIFACT_BYTES_MAX = 134_217_728  # of all files of one version
ARTIFACT_FILES_MAX = 64
ARTIFACTS_KEPT_MAX = 32  # versions of the past that are kept in memory
MODEL_POLL_S = 2.0  # how soon another process's promotion is noticed
MODEL_LEASE_S = 60.0  # a trainer that has not been heard of for so long is dead
EVENTS_LISTED_MAX = 200

LEASE_S = 15.0  # a process that died is missed after so long
LEASE_RENEW_S = 5.0  # others look for free leases as often: together at most 20 s until its work is taken over
JOB_PATIENCE_S = 20.0  # the jobs that come after it do not wait longer for one that hangs
JOB_BUSY_WAIT_S = 10.0  # run by hand, a job waits so long for its other run to end
EVIDENCE_SERIES_MAX = 200  # series learned from in one round; each takes 20 to 30 ms, those slower than a day a second
EVIDENCE_CLASS_SERIES_MAX = 500  # of a class, that say together what is known of it

QUOTE_FACTOR_MAX = 5.0  # a price that differs by more from the one known before is an error of unit, not a move
QUOTES_KEPT_MAX = 2_000
TICK_SKEW_S_MAX = 10.0  # a live price may be so far ahead of our clock; it would keep every true one out meanwhile
QUOTE_SILENT_S = 15.0  # a followed source that says nothing for so long gives way to another
QUOTE_WRITE_S = 5.0  # between two writings of the latest quotes
QUOTE_POLLED_AGE_S = 50.0  # a feed that has not told a price for so long is helped by asking
MADE_SERIES_KEPT_MAX = 64  # series of coarser bars made from finer ones, kept until there is news of them
JOB_RUNS_KEPT_MAX = 5_000  # of each job: some days of one that runs every minute
LOADED_BARS = 5_000  # of the past, of each interval of a symbol that was added
FOLLOWED_MAX = 1_000  # symbols a user may add
CORRELATION_SYMBOLS_MAX = 20  # 190 pairs
PRICES_MAX = 500  # prices in one answer
QUOTE_PUBLISH_S = 0.25  # between two messages about the same quote
QUOTE_LOOK_S = 5.0  # between two looks for prices that grew too old without anything being said
BUDGET_NEARLY_USED = 0.8  # of a limit: advice is given
PRICE_AGE_S_MAX = 31_536_000.0  # a year: any price kept here
HEDGE_S = 0.5  # a user's question is put to the next source beside one that has not answered by then

WS_OPEN_S_MAX = 10.0  # of a WebSocket, from the first packet to the open connection
WS_CLOSE_S_MAX = 2.0  # who does not answer a goodbye is not waited for any longer
WS_PING_EVERY_S = 20.0
WS_PONG_S_MAX = 20.0
WS_FRAME_BYTES_MAX = 4_194_304

FEED_SYMBOLS_MAX = 200  # of one connection: four streams each stay below Binance's 1,024
FEED_BACKOFF_S_FIRST = 1.0  # the most the first reconnect waits; doubled for each one that fails
FEED_BACKOFF_S_MAX = 60.0
FEED_REFUSED_S = 900.0  # a source that will not serve us is asked again after so long
FEED_STEADY_S = 60.0  # a connection that held for so long was a good one: the backoff begins anew
FEED_OVERLAP_S_MAX = 10.0  # the old connection is kept until the new one speaks, but not longer
FEED_AGE_JITTER_S = 300.0  # planned reconnects of many installations are spread over so long
FEED_GARBLED_MAX = 100  # unreadable frames in a row, after which the connection is given up
FEED_FINALS_MAX = 10_000  # final candles waiting for the store; then the socket waits, none is dropped
FEED_CANDLE_EARLY_S = 5.0  # a candle that is over before its end: one of the two clocks is wrong
FEED_CANDLE_LATE_S = 30.0  # one that comes so long after its end is asked for again at the source
FEED_BRINGS_S = 40.0  # a bar that a feed has not brought so long after its end is asked for
FEED_CANDLES_EVERY_S = 1.0  # how often an unfinished candle is told
FEED_STORE_RETRY_S_MAX = 5.0  # while the database is away
FEED_FILL_AGAIN_S = (2.0, 10.0, 30.0, 60.0)  # after these, what a source has not yet is the gap keeper's
FEED_SYMBOLS_EVERY_S = 30.0  # how often the list of what is followed is looked at
FEED_RESYNC_APART_S = 5.0  # between two questions for the latest quotes of a feed that lost messages
FEED_AGAIN_S = 10.0  # after a fault of ours, a feed is begun anew
FEED_LOST_S = 20.0  # a feed that nobody told of for so long has lost who listened to it
FEED_TOLD_S = 5.0  # how often a feed's standing is written, for other processes
SOURCES_TOLD_S = 2.0  # how often a process looks whether what it knows of its sources has changed, and tells the others
SOURCES_ALIVE_S = 10.0  # and how often it tells them even so, to say that it lives
SOURCES_LOST_S = 30.0  # what a process told is not shown when it has not been heard of for so long

BUS_PAST_S = (
    300.0  # so long Redis keeps the last messages of a topic, and a topic counts as wanted after its last listener
)
BUS_PAST_MESSAGES = 64  # of one topic that Redis keeps for who comes back
BUS_TIMEOUT_S = 2.0  # for one message to Redis; then this process goes on alone
BUS_RETRY_S_MAX = 2.0  # between two tries to reach Redis again
BUS_SILENT_S_MAX = 15.0  # Redis says something at least this often, if only that it is there
BUS_TOPICS_REMEMBERED_MAX = 16_384  # positions kept to notice what was missed

BACKFILL_BATCH_BARS = 10_000  # asked for, and written in one transaction
GAP_EMPTIES_MIN = 3  # times that every source said it has nothing, before a gap counts as one that cannot be filled
GAP_RETRY_S_FIRST = 900.0  # after an attempt in vain, doubled after each further one
GAP_RETRY_S_MAX = 86_400.0
GAP_FILLING_S_MAX = 600.0  # a filler that has not ended by then is dead
GAP_TRAILING_S_MIN = 7_200.0  # the end of a series counts as a gap once its bars are so late; before, news is under way
GAPS_A_RUN_MAX = 200  # asked for in one round
RULING_NOTE_CHARS_MAX = 500  # why somebody let a refused row in
GAP_RUN_S_MAX = 600.0  # after which a round begins no further gap

STREAM_MESSAGE_BYTES_MAX = 65_536  # of one message from a client
STREAM_QUEUE_BYTES_MAX = 262_144  # written to one client and not yet taken by its network
STREAM_QUEUE_BYTES_LOW = 65_536  # below, a client that had no room has room again
STREAM_SOCKET_BYTES_MAX = 131_072  # that the kernel may hold for one client
STREAM_SUBSCRIPTIONS_MAX = 256  # of one connection
STREAM_CONNECTIONS_MAX = 20_000  # of one process
STREAM_INBOUND_PER_S = 20  # messages of one client
STREAM_INBOUND_BURST = 100
STREAM_INTERVAL_S_MIN = 0.25  # between two prices of one symbol, where a client asks for a pace
STREAM_INTERVAL_S_MAX = 3_600.0
STREAM_ROOM_S = 0.05  # between two looks whether a client that says something takes the answers
STREAM_SILENT_S_MAX = 30  # a client whose network answers nothing at all for so long is gone
STREAM_SLOW_S_MAX = 7.0  # a client that takes nothing for so long is closed
STREAM_FAREWELL_S = 1.5  # for the last words to a client that is closed
STREAM_HEARTBEAT_S = 15.0
STREAM_TURN_S_MAX = 0.02  # messages that come while others are written wait for so long at most
STREAM_TURN_BYTES_MAX = 65_536  # of messages that wait so
STREAM_LINGER_S = 300.0  # a topic nobody listens to any more is kept for those who come back
STREAM_TOPICS_LINGERING_MAX = 1_024
STREAM_RING_MESSAGES_MAX = 256  # of one topic, for those who come back or are slow
STREAM_RING_PRICES_MAX = 16  # of one topic of prices, of which the latest is what counts
STREAM_RING_BYTES_MAX = 1_048_576
STREAM_TICKET_S = 30.0
STREAM_RIGHTS_S = 0.25  # between two looks whether the keys of open streams still work
STREAM_RIGHTS_UNKNOWN_S_MAX = 30.0  # streams go on for so long while the keys cannot be read
VITALS_EVERY_S = 60.0
VITALS_KEPT = 1_440  # looks at the parts of the server: a day
API_KEY_NAME_CHARS_MAX = 64
PACE_ASKERS_MAX = 100_000  # remembered by one process; beyond, the one that asked longest ago is forgotten
STREAM_TICKETS_MAX = 10_000  # not used yet
STREAM_RETRY_S_MAX = 5.0  # clients of a server that restarts come back within, each at its own moment

FEATURE_ROWS_MAX = 1_000  # bars of one answer with columns of features
RISK_POSITIONS_MAX = 50
RISK_LEVELS_MAX = 5
RISK_BARS_MAX = 5_000  # of each series, the last ones
RISK_RESAMPLES = 500  # of the block bootstrap

ESTIMATES_KEPT_MAX = 4_096  # parameters of statistical models that were estimated before, a line each
ESTIMATES_FILE_BYTES_MAX = 67_108_864
ESTIMATE_S_MAX = 60.0  # of one estimation by the process that does them

CACHE_CHANGES_MAX = 10_000  # told apart while an answer is made; beyond, what is being made is not kept
CACHE_QUESTION_CHARS_MAX = 2_048  # path and query of a question whose answer is kept
CACHE_ANSWER_BYTES_MAX = 16_777_216  # of one answer that is kept
CACHE_REFRESH_MAX = 200  # answers made anew in one go
CACHE_AWAY_S = 5.0  # after Redis did not answer it is not asked for kept answers so long
CACHE_REDIS_TIMEOUT_S = 0.25  # an answer can be made in less
CACHE_TAGS_S = 3_600.0  # so long Redis remembers what was changed last: longer than any answer is kept

TRACE_SPANS_WAITING_MAX = 2_048  # for the collector; more are dropped
TRACE_SPANS_EVERY_S = 2.0  # between two deliveries
TRACE_EXPORT_S_MAX = 5.0  # of one delivery, repetitions included
REPORTS_WAITING_MAX = 100  # for Sentry; more are dropped
REPORT_APART_S = 60.0  # between two reports of the same error at the same place
REPORTS_REMEMBERED_MAX = 512  # errors of which it is known when they were reported
TELEMETRY_CLOSE_S_MAX = 1.0  # for what waits when the process ends

IDEMPOTENCY_KEPT_S = 86_400.0  # an answer under an Idempotency-Key
IDEMPOTENCY_KEY_CHARS_MAX = 255
IDEMPOTENCY_ANSWER_BYTES_MAX = 8_388_608  # a batch of a hundred forecasts has some two million

REQUEST_HEAD_BYTES_MAX = 65_536  # the longest address of ours has 16 KiB
REQUEST_HEAD_S_MAX = 10.0  # from the first byte, and from the opened connection
REQUEST_S_MAX = 30.0  # until the last byte of the body
REFUSED_LINGER_S = 1.0  # for who was refused to take the answer

APART_IDLE_S = 120.0  # the process that computes rounds ends when nobody has asked it for so long
APART_S_MAX = 7_200.0  # of one answer: a first round over thousands of series learns every weight from the bars
WRITES_APART_S = 0.03  # between two long transactions in a row: writers of other processes look for their turn seldom
APART_LEAVE_S = 2.0  # for it to go when it is told to: its last spans may wait for the collector
APART_LINE_BYTES_MAX = 67_108_864  # of one line that it says
