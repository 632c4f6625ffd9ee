-- Title:   Quality of the records
-- Meaning: What the study's gate on records looks at. stage_known is attended sessions with a
--          stage; attended_sessions also counts the session rows that were rejected for their
--          stage (for all clinics together only: a rejected row belongs to no clinic).
--          Status is known when the outcome or a competing event came within the horizon, or the
--          last known day is not before it. clinic_id is null for all clinics together.
-- Grain:   one row for each clinic, and one for all, of the study population
-- Reads:   concepts.study_population, concepts.episode_progress, concepts.stage_changes,
--          concepts.outcomes, quarantine.rejections, protocol.parameters
-- Source:  study definitions, "Gates"
WITH units AS (
    SELECT
        population.clinic_id,
        grouping(population.clinic_id) AS is_network,
        sum(progress.attended_sessions) AS stage_known,
        sum(coalesce(changes.stage_changes, 0)) AS stage_changes,
        sum(coalesce(changes.stage_changes_with_evidence, 0)) AS stage_changes_with_evidence,
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
    INNER JOIN concepts.episode_progress AS progress
        ON population.episode_key = progress.episode_key
    INNER JOIN concepts.outcomes AS outcomes
        ON population.episode_key = outcomes.episode_key
    LEFT JOIN concepts.stage_changes AS changes
        ON population.episode_key = changes.episode_key
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
