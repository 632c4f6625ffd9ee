-- Title:   Study population
-- Meaning: Which accepted episodes the study is about: those with an attended session, of which
--          the first is on day 0, the day from which all days are counted. Where the record of the
--          first session is missing (rejected, or never delivered), the time since the start of
--          care is not trusted and the episode is left out.
-- Grain:   one row for each accepted episode
-- Reads:   core.episodes, concepts.episode_progress
-- Source:  study definitions, "Effect: the target trial"
SELECT
    episodes.episode_key,
    episodes.patient_key,
    episodes.clinic_id,
    progress.episode_key IS NOT NULL AS has_attended_session,
    coalesce(progress.first_session_day = 0, FALSE) AS starts_on_day_0,
    coalesce(progress.first_session_day = 0, FALSE) AS is_in_study
FROM core.episodes AS episodes
LEFT JOIN concepts.episode_progress AS progress
    ON episodes.episode_key = progress.episode_key
