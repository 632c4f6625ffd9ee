-- Title:   Quality of the records
-- Meaning: What the study's gate on records looks at. stage_known is attended sessions with a
--          stage; attended_sessions also counts the session rows that were rejected for their
--          stage (for all clinics together only: a rejected row belongs to no clinic).
--          A stage change is an attended session of a higher-ranked stage than the one before it,
--          by the primary order; it has evidence when the session before it says, measured or
--          attested as the protocol counts, whether the exit of the stage left was met.
--          Status is known when the outcome or a competing event came within the horizon, or the
--          last known day is not before it. clinic_id is null for all clinics together.
-- Grain:   one row for each clinic, and one for all, of the study population
-- Reads:   concepts.study_population, concepts.session_progress, concepts.outcomes,
--          quarantine.rejections, protocol.parameters, protocol.stage_order
-- Source:  study definitions, "Gates"
WITH rises AS (
    SELECT
        earlier.stage AS previous_stage,
        later.stage
    FROM protocol.parameters AS parameters
    INNER JOIN protocol.stage_order AS later
        ON parameters.primary_order = later.order_name
    INNER JOIN protocol.stage_order AS earlier
        ON later.order_name = earlier.order_name AND later.stage_rank > earlier.stage_rank
),

episodes AS (
    SELECT
        sessions.episode_key,
        count(*) AS attended_sessions,
        count(rises.stage) AS stage_changes,
        count(CASE WHEN rises.stage IS NOT NULL AND sessions.previous_has_exit_evidence THEN 1 END)
            AS stage_changes_with_evidence
    FROM concepts.session_progress AS sessions
    LEFT JOIN rises
        ON sessions.previous_stage = rises.previous_stage AND sessions.stage = rises.stage
    GROUP BY sessions.episode_key
),

units AS (
    SELECT
        population.clinic_id,
        grouping(population.clinic_id) AS is_network,
        sum(episodes.attended_sessions) AS stage_known,
        sum(episodes.stage_changes) AS stage_changes,
        sum(episodes.stage_changes_with_evidence) AS stage_changes_with_evidence,
        count(*) AS episodes,
        count(DISTINCT population.patient_key) AS patients,
        count(
            CASE
                WHEN
                    outcomes.last_known_day >= parameters.horizon_days
                    OR outcomes.reinjury_day <= parameters.horizon_days
                    OR outcomes.competing_day <= parameters.horizon_days
                    THEN 1
            END
        ) AS status_known_episodes
    FROM concepts.study_population AS population
    INNER JOIN episodes
        ON population.episode_key = episodes.episode_key
    INNER JOIN concepts.outcomes AS outcomes
        ON population.episode_key = outcomes.episode_key
    CROSS JOIN protocol.parameters AS parameters
    WHERE population.is_in_study
    GROUP BY GROUPING SETS ((population.clinic_id), ())
),

rejected_for_stage AS (
    SELECT count(*) AS sessions_count
    FROM (
        SELECT DISTINCT
            delivery_id,
            file,
            line
        FROM quarantine.rejections
        WHERE column_name = 'stage'
    ) AS rejected_rows
)

SELECT
    units.clinic_id,
    CAST(
        units.stage_known
        + CASE WHEN units.is_network = 1 THEN rejected_for_stage.sessions_count ELSE 0 END
        AS BIGINT
    ) AS attended_sessions,
    CAST(units.stage_known AS BIGINT) AS stage_known,
    CAST(units.stage_changes AS BIGINT) AS stage_changes,
    CAST(units.stage_changes_with_evidence AS BIGINT) AS stage_changes_with_evidence,
    units.episodes,
    units.patients,
    units.status_known_episodes
FROM units
CROSS JOIN rejected_for_stage
ORDER BY units.clinic_id NULLS FIRST
