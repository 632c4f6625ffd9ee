-- Title:   Cohorts of the quality review
-- Meaning: What became of the episodes that began in a month: how many were advanced early under
--          the primary order, stage changes and those with evidence of the exit, sessions booked
--          (attended, missed without notice or cancelled late) and missed, re-injury within 90
--          days where the status on day 90 is known, and status known at the horizon. Calendar
--          time survives only as the month of start, so a cohort is a month of starts.
--          observed_days is how long every episode of the cohort could have been followed: from
--          the month's last day to the latest day that any record is sure to reach, counted from
--          the first day of its month. clinic_id is null for all clinics together.
-- Grain:   one row for each clinic (and all) and month of start, of the study population
-- Reads:   marts.episode_baseline, concepts.first_violations, concepts.outcomes,
--          concepts.stage_changes, core.episodes, core.sessions, core.followups, core.events,
--          protocol.parameters, protocol.orders
-- Source:  study definitions, "Adherence, session by session" and "Outcome"
WITH bookings AS (
    SELECT
        episode_key,
        max(day) AS last_day,
        count(CASE WHEN status IN ('attended', 'no_show', 'late_cancel') THEN 1 END)
            AS sessions_booked,
        count(CASE WHEN status IN ('no_show', 'late_cancel') THEN 1 END) AS sessions_missed
    FROM core.sessions
    GROUP BY episode_key
),

records AS (
    SELECT episode_key, last_day AS day FROM bookings
    UNION ALL
    SELECT episode_key, day FROM core.followups
    UNION ALL
    SELECT episode_key, day FROM core.events
),

months AS (
    SELECT
        start_month,
        date_diff('day', DATE '2000-01-01', CAST(start_month || '-01' AS DATE))
            AS first_day_number,
        date_diff('day', DATE '2000-01-01', last_day(CAST(start_month || '-01' AS DATE)))
            AS last_day_number
    FROM (SELECT DISTINCT start_month FROM core.episodes) AS start_months
),

data_cut AS (
    SELECT max(months.first_day_number + records.day) AS day_number
    FROM records
    INNER JOIN core.episodes AS episodes
        ON records.episode_key = episodes.episode_key
    INNER JOIN months
        ON episodes.start_month = months.start_month
),

judged AS (
    SELECT
        baseline.clinic_id,
        baseline.start_month,
        baseline.patient_key,
        violations.episode_key IS NOT NULL AS is_violated,
        coalesce(changes.stage_changes, 0) AS stage_changes,
        coalesce(changes.stage_changes_with_evidence, 0) AS stage_changes_with_evidence,
        coalesce(bookings.sessions_booked, 0) AS sessions_booked,
        coalesce(bookings.sessions_missed, 0) AS sessions_missed,
        coalesce(
            outcomes.last_known_day >= 90
            OR outcomes.reinjury_day <= 90
            OR outcomes.competing_day <= 90,
            FALSE
        ) AS is_known_on_day_90,
        coalesce(
            outcomes.reinjury_day <= 90
            AND outcomes.reinjury_day <= coalesce(outcomes.competing_day, outcomes.reinjury_day),
            FALSE
        ) AS is_reinjured_by_day_90,
        coalesce(
            outcomes.last_known_day >= parameters.horizon_days
            OR outcomes.reinjury_day <= parameters.horizon_days
            OR outcomes.competing_day <= parameters.horizon_days,
            FALSE
        ) AS is_known_at_horizon
    FROM marts.episode_baseline AS baseline
    CROSS JOIN protocol.parameters AS parameters
    INNER JOIN protocol.orders AS orders
        ON parameters.primary_order = orders.order_name
    INNER JOIN concepts.outcomes AS outcomes
        ON baseline.episode_key = outcomes.episode_key
    LEFT JOIN concepts.first_violations AS violations
        ON
            baseline.episode_key = violations.episode_key
            AND orders.order_number = violations.order_number
    LEFT JOIN concepts.stage_changes AS changes
        ON baseline.episode_key = changes.episode_key
    LEFT JOIN bookings
        ON baseline.episode_key = bookings.episode_key
),

cohorts AS (
    SELECT
        clinic_id,
        start_month,
        count(DISTINCT patient_key) AS patients,
        count(DISTINCT CASE WHEN is_known_on_day_90 THEN patient_key END)
            AS patients_known_90_days,
        count(*) AS episodes,
        count(CASE WHEN is_violated THEN 1 END) AS episodes_violated,
        CAST(sum(stage_changes) AS BIGINT) AS stage_changes,
        CAST(sum(stage_changes_with_evidence) AS BIGINT) AS stage_changes_with_evidence,
        CAST(sum(sessions_booked) AS BIGINT) AS sessions_booked,
        CAST(sum(sessions_missed) AS BIGINT) AS sessions_missed,
        count(CASE WHEN is_known_on_day_90 THEN 1 END) AS status_known_90_days,
        count(CASE WHEN is_reinjured_by_day_90 THEN 1 END) AS reinjured_90_days,
        count(CASE WHEN is_known_at_horizon THEN 1 END) AS status_known_at_horizon
    FROM judged
    GROUP BY GROUPING SETS ((clinic_id, start_month), (start_month))
)

SELECT
    cohorts.*,
    CAST(data_cut.day_number - months.last_day_number AS INTEGER) AS observed_days
FROM cohorts
INNER JOIN months
    ON cohorts.start_month = months.start_month
CROSS JOIN data_cut
ORDER BY cohorts.clinic_id NULLS FIRST, cohorts.start_month
