-- Title:   Episodes that ended in harm
-- Meaning: Episodes whose recorded reason of ending is an adverse event or surgery. episodes_begun
--          and episodes_begun_in_clinic say how many episodes of the study population had begun by
--          then, this one included, in all clinics and in its own: in order of the month of start
--          and, as days of start are not kept, within a month by episode_id.
--          ended_day_number is about when care ended: the day of the ending (of the last attended
--          session where no day is recorded) counted from the first day of the month of start.
-- Grain:   one row for each such episode of the study population
-- Kind:    view
-- Reads:   marts.episode_baseline, concepts.episode_progress, core.episodes
-- Source:  study definitions, "The records: six tables"
WITH begun AS (
    SELECT
        baseline.episode_key,
        baseline.patient_key,
        baseline.clinic_id,
        baseline.start_month,
        row_number() OVER (ORDER BY baseline.start_month, baseline.episode_id) AS episodes_begun,
        row_number() OVER (
            PARTITION BY baseline.clinic_id
            ORDER BY baseline.start_month, baseline.episode_id
        ) AS episodes_begun_in_clinic,
        episodes.discharge_reason,
        coalesce(episodes.end_day, progress.last_session_day) AS ended_day
    FROM marts.episode_baseline AS baseline
    INNER JOIN core.episodes AS episodes
        ON baseline.episode_key = episodes.episode_key
    INNER JOIN concepts.episode_progress AS progress
        ON baseline.episode_key = progress.episode_key
)

SELECT
    episode_key,
    patient_key,
    clinic_id,
    start_month,
    CAST(episodes_begun AS BIGINT) AS episodes_begun,
    CAST(episodes_begun_in_clinic AS BIGINT) AS episodes_begun_in_clinic,
    CAST(
        date_diff('day', DATE '2000-01-01', CAST(start_month || '-01' AS DATE)) + ended_day
        AS INTEGER
    ) AS ended_day_number
FROM begun
WHERE discharge_reason IN ('adverse_event', 'surgery')
ORDER BY episodes_begun
