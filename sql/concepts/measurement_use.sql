-- Title:   Which measurements count, and why others do not
-- Meaning: A measurement counts when its instrument is in the protocol's registry and its unit is
--          that of the registry (a unit is never guessed), when it was not taken after treatment,
--          and when it is not of the other side than the episode's. The first of these that does
--          not hold is the reason. Without an instrument of the protocol there is no domain_number.
--          Measurements of one instrument share a line_number; where the episode is not of one side,
--          those of the left and of the right side have one each.
-- Grain:   one row for each accepted measurement
-- Kind:    view
-- Reads:   core.measurements, core.episodes, protocol.instruments
-- Source:  study definitions, "The records: six tables"
SELECT
    measurements.episode_key,
    measurements.day,
    measurements.instrument,
    measurements.side,
    measurements.timing,
    measurements.value,
    instruments.domain_number,
    10000 + 10 * instruments.instrument_number + CASE
        WHEN episodes.side IN ('L', 'R') THEN 0
        WHEN measurements.side = 'L' THEN 1
        WHEN measurements.side = 'R' THEN 2
        ELSE 0
    END AS line_number,
    CASE
        WHEN instruments.instrument IS NULL THEN 'instrument_not_in_protocol'
        WHEN measurements.unit <> instruments.unit THEN 'other_unit'
        WHEN measurements.timing = 'post' THEN 'taken_after_treatment'
        WHEN
            episodes.side IN ('L', 'R')
            AND measurements.side IN ('L', 'R')
            AND measurements.side <> episodes.side
            THEN 'of_the_other_side'
        ELSE 'counted'
    END AS measurement_use
FROM core.measurements AS measurements
INNER JOIN core.episodes AS episodes
    ON measurements.episode_key = episodes.episode_key
LEFT JOIN protocol.instruments AS instruments
    ON measurements.instrument = instruments.instrument
