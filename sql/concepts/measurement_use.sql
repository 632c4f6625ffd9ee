-- Title:   Which measurements count, as which value, and why others do not
-- Meaning: A reading without a fault counts as a value of its domain. Where the domain is a
--          percentage and the reading is not, value is the reading in percent of its target: the
--          latest reading of the other side on or before that day where the episode is of one side,
--          else the registry's norm, else the goal of the clinic or of all clinics. A reading of
--          the other side that serves so is a target and counts for nothing else; any other one is
--          of the other side. A reading with nothing to be set against has no target; one of an
--          instrument without a domain, such as a questionnaire, is of no domain.
--          Readings of one instrument share a line_number while they are set against the same kind
--          of target and, where the episode is not of one side, are of the same side.
-- Grain:   one row for each accepted measurement
-- Reads:   concepts.readings, protocol.instruments, protocol.goals
-- Source:  study definitions, "The records: six tables"; analysis/contracts/instruments.toml
WITH beside_other_side AS (
    SELECT
        *,
        last_value(CASE WHEN is_of_other_side AND reading > 0 THEN reading END IGNORE NULLS)
            OVER so_far AS other_side_reading,
        NOT lead(is_of_other_side) OVER in_order AS is_before_own_side
    FROM concepts.readings
    WINDOW
        in_order AS (
            PARTITION BY episode_key, instrument, fault
            ORDER BY
                day,
                CASE WHEN is_of_other_side THEN 0 ELSE 1 END,
                side,
                reading,
                timing
        ),
        so_far AS (
            PARTITION BY episode_key, instrument, fault
            ORDER BY
                day,
                CASE WHEN is_of_other_side THEN 0 ELSE 1 END,
                side,
                reading,
                timing
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
),

with_targets AS (
    SELECT
        readings.*,
        instruments.is_percent_of_target,
        instruments.takes_unaffected_side,
        CASE WHEN instruments.takes_unaffected_side THEN readings.other_side_reading END
            AS other_side,
        instruments.norm,
        CASE WHEN instruments.takes_goal THEN coalesce(own_goals.value, goals.value) END AS goal
    FROM beside_other_side AS readings
    LEFT JOIN protocol.instruments AS instruments
        ON readings.instrument = instruments.instrument
    LEFT JOIN protocol.goals AS own_goals
        ON
            readings.instrument = own_goals.instrument
            AND readings.clinic_id = own_goals.clinic_id
    LEFT JOIN protocol.goals AS goals
        ON readings.instrument = goals.instrument AND goals.clinic_id IS NULL
),

uses AS (
    SELECT
        *,
        CASE
            WHEN NOT is_percent_of_target THEN NULL
            WHEN other_side IS NOT NULL THEN 1
            WHEN norm IS NOT NULL THEN 2
            WHEN goal IS NOT NULL THEN 3
        END AS target_number,
        CASE WHEN is_percent_of_target THEN coalesce(other_side, norm, goal) END AS target_value,
        CASE
            WHEN fault IS NOT NULL THEN fault
            WHEN is_of_other_side AND takes_unaffected_side AND is_before_own_side AND reading > 0
                THEN 'target'
            WHEN is_of_other_side THEN 'of_the_other_side'
            WHEN domain_number IS NULL THEN 'of_no_domain'
            WHEN is_percent_of_target AND coalesce(other_side, norm, goal) IS NULL THEN 'no_target'
            ELSE 'counted'
        END AS measurement_use
    FROM with_targets
)

SELECT
    episode_key,
    day,
    instrument,
    side,
    side_number,
    timing,
    unit,
    reading,
    CASE WHEN is_percent_of_target THEN 100 * reading / target_value ELSE reading END AS value,
    domain_number,
    CASE target_number WHEN 1 THEN 'unaffected_side' WHEN 2 THEN 'norm' WHEN 3 THEN 'goal' END
        AS target_source,
    target_value,
    CAST(
        100000 + 100 * instrument_number + 10 * coalesce(target_number, 0) + side_number AS INTEGER
    ) AS line_number,
    measurement_use
FROM uses
