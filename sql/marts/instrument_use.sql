-- Title:   How many measurements count, by instrument and unit
-- Meaning: The accepted measurements of each instrument by the unit they came in and by whether
--          they count, or the reason why they do not, with the domain they would be values of. An
--          instrument that comes both in units that can be turned into its own and in others is
--          contradictory: somewhere a unit is written wrong. unusual_readings lie within what the
--          instrument can show, but beyond what it usually does; they count.
-- Grain:   one row for each instrument, unit and use that occurs
-- Reads:   concepts.measurement_use, protocol.instruments
-- Source:  analysis/contracts/instruments.toml
WITH uses AS (
    SELECT
        uses.instrument,
        instruments.domain,
        uses.unit,
        instruments.unit AS instrument_unit,
        uses.measurement_use,
        count(*) AS measurements,
        sum(
            CASE
                WHEN uses.measurement_use = 'out_of_range' THEN 0
                WHEN uses.reading < instruments.usual_lowest THEN 1
                WHEN uses.reading > instruments.usual_highest THEN 1
                ELSE 0
            END
        ) AS unusual_readings
    FROM concepts.measurement_use AS uses
    LEFT JOIN protocol.instruments AS instruments
        ON uses.instrument = instruments.instrument
    GROUP BY
        uses.instrument,
        instruments.domain,
        uses.unit,
        instruments.unit,
        uses.measurement_use
)

SELECT
    instrument,
    domain,
    unit,
    instrument_unit,
    measurement_use,
    measurements,
    CAST(unusual_readings AS BIGINT) AS unusual_readings,
    max(CASE WHEN measurement_use = 'other_unit' THEN 1 ELSE 0 END) OVER same_instrument
    > min(CASE WHEN measurement_use = 'other_unit' THEN 1 ELSE 0 END) OVER same_instrument
        AS has_contradictory_units
FROM uses
WINDOW same_instrument AS (PARTITION BY instrument)
ORDER BY instrument, unit, measurement_use
