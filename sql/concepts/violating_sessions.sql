-- Title:   Sessions that break an order
-- Meaning: Sessions that work a stage while a stage that must come before it is not completed by
--          the end of the session. It is a skip when one of the missing stages has never been
--          worked, in this session or an earlier one; otherwise it is premature. Going back is no
--          violation, and neither is stopping care.
-- Grain:   one row for each violating session and order
-- Kind:    view
-- Reads:   concepts.session_progress, concepts.stage_sets
-- Source:  study definitions, "Adherence, session by session"
SELECT
    required.order_number,
    sessions.episode_key,
    sessions.session_number,
    sessions.day,
    (required.required_set & sessions.seen_set) <> required.required_set AS is_skip
FROM concepts.session_progress AS sessions
INNER JOIN concepts.stage_sets AS required
    ON sessions.worked_set = required.stage_set
WHERE (required.required_set & sessions.completed_set) <> required.required_set
