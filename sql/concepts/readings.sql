-- Title:   Measurements in the unit of their instrument
-- Meaning: Every measurement as a reading in the unit that the registry of instruments keeps, and
--          the fault for which it cannot be used: its instrument is not in the registry, its unit
--          cannot be turned into that of the instrument (a unit is never guessed), it lies beyond
--          what the instrument can show, or it was taken after treatment. The first of these that
--          holds is the fault. A reading is of the other side where the episode is of one side and
--          the measurement of the opposite one.
-- Grain:   one row for each accepted measurement
-- Kind:    view
-- Reads:   core.measurements, core.episodes, protocol.instruments, protocol.instrument_units
-- Source:  study definitions, "The records: six tables"; analysis/contracts/instruments.toml
WITH converted AS (
    SELECT
        measurements.episode_key,
        measurements.day,
        measurements.instrument,
        measurements.side,
        measurements.timing,
        measurements.unit,
        -- 70 mm are 7 on the scale, and not 7.000000000000001.
        CASE
            WHEN units.factor = 1 THEN measurements.value
            ELSE round(measurements.value * units.factor, 9)
        END AS reading
    FROM core.measurements AS measurements
    LEFT JOIN protocol.instrument_units AS units
        ON measurements.instrument = units.instrument AND measurements.unit = units.unit
)

SELECT
    measurements.episode_key,
    episodes.clinic_id,
    measurements.day,
    measurements.instrument,
    measurements.side,
    measurements.timing,
    measurements.unit,
    instruments.instrument_number,
    instruments.domain_number,
    measurements.reading,
    coalesce(
        episodes.side IN ('L', 'R')
        AND measurements.side IN ('L', 'R')
        AND measurements.side <> episodes.side,
        FALSE
    ) AS is_of_other_side,
    CASE
        WHEN episodes.side IN ('L', 'R') THEN 0
        WHEN measurements.side = 'L' THEN 1
        WHEN measurements.side = 'R' THEN 2
        ELSE 0
    END AS side_number,
    CASE
        WHEN instruments.instrument IS NULL THEN 'instrument_not_in_protocol'
        WHEN measurements.reading IS NULL THEN 'other_unit'
        WHEN measurements.reading < instruments.lowest THEN 'out_of_range'
        WHEN measurements.reading > instruments.highest THEN 'out_of_range'
        WHEN measurements.timing = 'post' THEN 'taken_after_treatment'
    END AS fault
FROM converted AS measurements
INNER JOIN core.episodes AS episodes
    ON measurements.episode_key = episodes.episode_key
LEFT JOIN protocol.instruments AS instruments
    ON measurements.instrument = instruments.instrument
