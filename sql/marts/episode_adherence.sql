-- Title:   Adherence of an episode to an order
-- Meaning: When and how an episode first broke an order, and graded measures beside it. Adherent
--          through a day means: no first violation up to that day. premature_share is violating
--          sessions of attended ones; inversion_share is pairs of sessions out of order of all
--          pairs of unequal rank, null where there is no such pair; longest_ordered_share is the
--          longest ordered part of the attended sessions. Both are judged by a session's stage
--          without its further stages, violations by all stages worked. first_skip_day is when a
--          stage was first worked while one of lower rank had never been; first_loading_day when
--          a stage of early loading was. All measures are null or
--          zero for an episode without an attended session.
-- Grain:   one row for each accepted episode and order
-- Kind:    view
-- Reads:   core.episodes, protocol.orders, concepts.episode_progress, concepts.first_violations,
--          concepts.order_departures, concepts.stage_sets
-- Source:  study definitions, "Adherence, session by session"
SELECT
    orders.order_name,
    episodes.episode_id,
    violations.first_violation_day,
    violations.first_violation_session_number,
    violations.violation_kind,
    coalesce(progress.attended_sessions, 0) AS attended_sessions,
    coalesce(violations.premature_sessions, 0) AS premature_sessions,
    CASE
        WHEN progress.attended_sessions IS NOT NULL
            THEN
                CAST(coalesce(violations.premature_sessions, 0) AS DOUBLE)
                / progress.attended_sessions
    END AS premature_share,
    CASE
        WHEN stages.ranks_count > 1 THEN coalesce(departures.inversion_share, 0.0)
    END AS inversion_share,
    CASE
        WHEN progress.attended_sessions IS NOT NULL
            THEN
                CAST(
                    coalesce(departures.longest_ordered_sessions, progress.attended_sessions)
                    AS DOUBLE
                ) / progress.attended_sessions
    END AS longest_ordered_share,
    progress.load_before_pain_exit,
    coalesce(progress.completed_stages, 0) AS completed_stages,
    progress.highest_stage_worked,
    episodes.episode_key,
    violations.first_skip_day,
    progress.first_loading_day
FROM core.episodes AS episodes
CROSS JOIN protocol.orders AS orders
LEFT JOIN concepts.episode_progress AS progress
    ON episodes.episode_key = progress.episode_key
LEFT JOIN concepts.stage_sets AS stages
    ON
        progress.session_stages = stages.stage_set
        AND orders.order_number = stages.order_number
LEFT JOIN concepts.first_violations AS violations
    ON
        episodes.episode_key = violations.episode_key
        AND orders.order_number = violations.order_number
LEFT JOIN concepts.order_departures AS departures
    ON
        episodes.episode_key = departures.episode_key
        AND orders.order_number = departures.order_number
