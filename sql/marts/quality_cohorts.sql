-- Title:   Cohorts of the quality review
-- Meaning: What became of the episodes that began in a month or a quarter. episodes_violated were
--          advanced early under the primary order; never_exited_stage_1 worked stage 1 and never
--          met its exit; completed_all completed all stages; adverse_endings ended
--          in an adverse event or surgery, by the recorded reason. Sessions booked are those attended,
--          missed without notice or cancelled late; exits_met are exits that an attended session
--          says were met, on whatever evidence, exits_measured those of them that were measured.
--          Re-injury within 90 days and by the horizon is counted where the status on that day is
--          known. patients are all people of the cohort, patients_x those behind the count x.
--          Calendar time survives only as the month of start, so a cohort is one of starts.
--          observed_days is how long every episode of the cohort could have been followed: from
--          the period's last day to the latest day that any record is sure to reach, counted from
--          the first day of its month. clinic_id is null for all clinics together.
-- Grain:   one row for each clinic (and all) and month or quarter of start, of the study population
-- Kind:    view
-- Reads:   marts.episode_baseline, concepts.episode_progress, concepts.first_violations,
--          concepts.outcomes, concepts.stage_changes, core.episodes, core.sessions,
--          core.followups, core.events, protocol.parameters, protocol.orders
-- Source:  study definitions, "Adherence, session by session" and "Outcome"
WITH bookings AS (
    SELECT
        episode_key,
        max(day) AS last_day,
        count(CASE WHEN status = 'attended' THEN 1 END) AS sessions_attended,
        count(CASE WHEN status = 'no_show' THEN 1 END) AS no_shows,
        count(CASE WHEN status = 'late_cancel' THEN 1 END) AS late_cancellations,
        count(CASE WHEN status = 'attended' AND pain_nrs IS NOT NULL THEN 1 END)
            AS sessions_with_pain,
        count(CASE WHEN status = 'attended' AND exit_met THEN 1 END) AS exits_met,
        count(CASE WHEN status = 'attended' AND exit_met AND exit_evidence = 'measured' THEN 1 END)
            AS exits_measured
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
        substr(start_month, 1, 4) || '-Q'
        || (CAST(substr(start_month, 6, 2) AS INTEGER) + 2) // 3 AS start_quarter,
        date_diff('day', DATE '2000-01-01', CAST(start_month || '-01' AS DATE))
            AS first_day_number
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
        months.start_quarter,
        baseline.patient_key,
        violations.episode_key IS NOT NULL AS is_violated,
        coalesce(progress.worked_set & 1 = 1, FALSE) AS has_worked_stage_1,
        coalesce(progress.worked_set & 1 = 1 AND progress.completed_set & 1 = 0, FALSE)
            AS has_never_exited_stage_1,
        coalesce(progress.completed_stages = 5, FALSE) AS has_completed_all,
        coalesce(episodes.discharge_reason IN ('adverse_event', 'surgery'), FALSE)
            AS has_ended_in_harm,
        coalesce(changes.stage_changes, 0) AS stage_changes,
        coalesce(changes.stage_changes_with_evidence, 0) AS stage_changes_with_evidence,
        coalesce(bookings.sessions_attended, 0) AS sessions_attended,
        coalesce(bookings.no_shows, 0) AS no_shows,
        coalesce(bookings.late_cancellations, 0) AS late_cancellations,
        coalesce(bookings.sessions_with_pain, 0) AS sessions_with_pain,
        coalesce(bookings.exits_met, 0) AS exits_met,
        coalesce(bookings.exits_measured, 0) AS exits_measured,
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
        ) AS is_known_at_horizon,
        outcomes.is_event AS is_reinjured_at_horizon
    FROM marts.episode_baseline AS baseline
    INNER JOIN core.episodes AS episodes
        ON baseline.episode_key = episodes.episode_key
    CROSS JOIN protocol.parameters AS parameters
    INNER JOIN months
        ON baseline.start_month = months.start_month
    INNER JOIN protocol.orders AS orders
        ON parameters.primary_order = orders.order_name
    INNER JOIN concepts.outcomes AS outcomes
        ON baseline.episode_key = outcomes.episode_key
    LEFT JOIN concepts.episode_progress AS progress
        ON baseline.episode_key = progress.episode_key
    LEFT JOIN concepts.first_violations AS violations
        ON
            baseline.episode_key = violations.episode_key
            AND orders.order_number = violations.order_number
    LEFT JOIN concepts.stage_changes AS changes
        ON baseline.episode_key = changes.episode_key
    LEFT JOIN bookings
        ON baseline.episode_key = bookings.episode_key
),

-- People before cohorts: whoever has two episodes in one is still one of its people.
people AS (
    SELECT
        clinic_id,
        coalesce(start_month, start_quarter) AS period,
        start_month IS NULL AS is_quarter,
        count(*) AS episodes,
        count(CASE WHEN is_violated THEN 1 END) AS episodes_violated,
        count(CASE WHEN has_worked_stage_1 THEN 1 END) AS worked_stage_1,
        count(CASE WHEN has_never_exited_stage_1 THEN 1 END) AS never_exited_stage_1,
        count(CASE WHEN has_completed_all THEN 1 END) AS completed_all,
        count(CASE WHEN has_ended_in_harm THEN 1 END) AS adverse_endings,
        sum(stage_changes) AS stage_changes,
        sum(stage_changes_with_evidence) AS stage_changes_with_evidence,
        sum(sessions_attended) AS sessions_attended,
        sum(no_shows) AS no_shows,
        sum(late_cancellations) AS late_cancellations,
        sum(sessions_with_pain) AS sessions_with_pain,
        sum(exits_met) AS exits_met,
        sum(exits_measured) AS exits_measured,
        count(CASE WHEN is_known_on_day_90 THEN 1 END) AS status_known_90_days,
        count(CASE WHEN is_reinjured_by_day_90 THEN 1 END) AS reinjured_90_days,
        count(CASE WHEN is_known_at_horizon THEN 1 END) AS status_known_at_horizon,
        count(CASE WHEN is_known_at_horizon AND is_reinjured_at_horizon THEN 1 END)
            AS reinjured_at_horizon
    FROM judged
    GROUP BY
        GROUPING SETS (
            (clinic_id, start_month, patient_key),
            (start_month, patient_key),
            (clinic_id, start_quarter, patient_key),
            (start_quarter, patient_key)
        )
),

cohorts AS (
    SELECT
        clinic_id,
        period,
        is_quarter,
        count(*) AS patients,
        count(CASE WHEN worked_stage_1 > 0 THEN 1 END) AS patients_worked_stage_1,
        count(CASE WHEN stage_changes > 0 THEN 1 END) AS patients_changed_stage,
        count(CASE WHEN exits_met > 0 THEN 1 END) AS patients_exits_met,
        count(CASE WHEN status_known_90_days > 0 THEN 1 END) AS patients_known_90_days,
        count(CASE WHEN status_known_at_horizon > 0 THEN 1 END) AS patients_known_at_horizon,
        CAST(sum(episodes) AS BIGINT) AS episodes,
        CAST(sum(episodes_violated) AS BIGINT) AS episodes_violated,
        CAST(sum(worked_stage_1) AS BIGINT) AS worked_stage_1,
        CAST(sum(never_exited_stage_1) AS BIGINT) AS never_exited_stage_1,
        CAST(sum(completed_all) AS BIGINT) AS completed_all,
        CAST(sum(adverse_endings) AS BIGINT) AS adverse_endings,
        CAST(sum(stage_changes) AS BIGINT) AS stage_changes,
        CAST(sum(stage_changes_with_evidence) AS BIGINT) AS stage_changes_with_evidence,
        CAST(sum(sessions_attended) AS BIGINT) AS sessions_attended,
        CAST(sum(sessions_attended + no_shows + late_cancellations) AS BIGINT) AS sessions_booked,
        CAST(sum(no_shows + late_cancellations) AS BIGINT) AS sessions_missed,
        CAST(sum(no_shows) AS BIGINT) AS no_shows,
        CAST(sum(late_cancellations) AS BIGINT) AS late_cancellations,
        CAST(sum(sessions_with_pain) AS BIGINT) AS sessions_with_pain,
        CAST(sum(exits_met) AS BIGINT) AS exits_met,
        CAST(sum(exits_measured) AS BIGINT) AS exits_measured,
        CAST(sum(status_known_90_days) AS BIGINT) AS status_known_90_days,
        CAST(sum(reinjured_90_days) AS BIGINT) AS reinjured_90_days,
        CAST(sum(status_known_at_horizon) AS BIGINT) AS status_known_at_horizon,
        CAST(sum(reinjured_at_horizon) AS BIGINT) AS reinjured_at_horizon
    FROM people
    GROUP BY clinic_id, period, is_quarter
),

-- The last month of a quarter counts whether or not anything began in it.
periods AS (
    SELECT
        start_month AS period,
        date_diff('day', DATE '2000-01-01', last_day(CAST(start_month || '-01' AS DATE)))
            AS last_day_number
    FROM months
    UNION ALL
    SELECT DISTINCT
        start_quarter AS period,
        date_diff(
            'day',
            DATE '2000-01-01',
            last_day(
                make_date(
                    CAST(substr(start_quarter, 1, 4) AS INTEGER),
                    3 * CAST(substr(start_quarter, 7) AS INTEGER),
                    1
                )
            )
        ) AS last_day_number
    FROM months
)

SELECT
    cohorts.*,
    CAST(data_cut.day_number - periods.last_day_number AS INTEGER) AS observed_days
FROM cohorts
INNER JOIN periods
    ON cohorts.period = periods.period
CROSS JOIN data_cut
ORDER BY cohorts.clinic_id NULLS FIRST, cohorts.is_quarter, cohorts.period
