//! People at identity's pages, on every engine that there is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

mod account;
#[path = "../shared/authenticator.rs"]
mod authenticator;
mod codes;
mod forms;
mod mail_server;
mod mailed_links;
mod second_factor;
mod set_up;
mod sign_in;
mod sign_up;
mod smtp;
mod support;

use platform_testkit::engine_tests;

use account::{
    a_deleted_account_is_gone_and_its_address_is_free, a_new_address_takes_the_password,
    a_new_password_ends_other_sessions_and_wants_the_old_one, a_password_is_not_made_of_what_others_know,
    every_page_behind_the_sign_in_shows_how_to_sign_out, the_last_administrator_can_not_leave,
};
use codes::what_is_no_code_is_refused_and_costs_no_try;
use forms::{
    a_forged_form_is_refused_before_anybody_asks_whose_it_is, a_form_from_elsewhere_is_refused,
    a_password_is_hidden_while_it_is_typed_and_may_be_pasted_or_filled_in,
    forms_that_no_browser_would_send_are_refused_with_a_page,
    pages_come_in_two_languages_and_with_headers_that_protect,
    what_is_wrong_with_a_form_is_said_at_the_field_and_nothing_typed_is_lost,
    where_there_is_nothing_people_get_a_page_and_programs_a_problem,
};
use mailed_links::{
    a_link_to_an_address_before_resets_nothing,
    a_link_to_reset_the_password_works_once_and_looking_does_not_spend_it,
    a_new_address_counts_from_when_its_mail_was_answered,
    an_address_is_verified_by_a_button_and_not_by_a_look, mailed_links_end_with_what_they_were_asked_in,
};
use second_factor::{
    a_code_works_once_and_for_its_own_account_only,
    a_forgotten_password_does_not_lead_around_the_second_factor,
    a_recovery_code_signs_in_once_and_new_ones_replace_it,
    the_step_after_the_password_belongs_to_one_browser_and_ends,
    turning_it_off_takes_password_and_code_and_ends_other_sessions,
    wrong_codes_make_whoever_sends_them_wait_but_not_a_known_browser,
};
use set_up::{
    a_second_factor_counts_from_its_first_code_and_is_asked_for_from_then_on,
    a_set_up_that_nobody_finishes_is_forgotten, a_set_up_waits_ten_minutes_and_the_newest_secret_counts,
    whoever_must_have_a_second_factor_sets_it_up_before_anything_else,
};
use sign_in::{
    a_new_password_makes_strangers_of_the_browsers_before,
    a_parameter_of_argon2_that_rises_is_taken_over_at_sign_in,
    after_signing_in_only_local_paths_are_followed,
    an_address_that_fails_for_many_accounts_waits_and_others_do_not,
    browsers_are_called_by_names_that_people_know,
    every_sign_in_gives_a_new_cookie_and_a_planted_one_is_worth_nothing,
    failures_make_whoever_fails_wait_but_not_a_known_browser,
    signing_out_here_leaves_other_browsers_and_everywhere_does_not,
    the_first_administrator_is_made_once_and_keeps_a_new_password,
    the_wrong_password_and_the_unknown_account_are_answered_alike,
};
use sign_up::{
    a_taken_address_is_told_at_once_where_mails_reach_nobody, bodies_that_are_wrong_are_refused,
    nobody_signs_up_where_that_is_closed, two_sign_ups_with_one_address_at_once_make_one_account,
    where_mails_reach_people_a_taken_address_is_told_to_its_owner_only,
    whoever_signs_up_is_signed_in_and_sees_their_account,
};
use smtp::{
    a_mail_that_its_server_refuses_for_good_is_given_up,
    a_mail_waits_while_its_server_is_away_and_over_a_restart,
    a_mail_waits_while_its_server_is_not_the_one_that_it_should_be,
    a_mail_waits_while_its_server_offers_no_protection, a_mail_waits_while_its_server_refuses_our_password,
    mails_go_over_a_protected_line_to_a_server_that_knows_us,
};

engine_tests! {
    whoever_signs_up_is_signed_in_and_sees_their_account,
    a_taken_address_is_told_at_once_where_mails_reach_nobody,
    where_mails_reach_people_a_taken_address_is_told_to_its_owner_only,
    two_sign_ups_with_one_address_at_once_make_one_account,
    nobody_signs_up_where_that_is_closed,
    the_wrong_password_and_the_unknown_account_are_answered_alike,
    what_is_wrong_with_a_form_is_said_at_the_field_and_nothing_typed_is_lost,
    every_sign_in_gives_a_new_cookie_and_a_planted_one_is_worth_nothing,
    signing_out_here_leaves_other_browsers_and_everywhere_does_not,
    failures_make_whoever_fails_wait_but_not_a_known_browser,
    a_new_password_makes_strangers_of_the_browsers_before,
    an_address_that_fails_for_many_accounts_waits_and_others_do_not,
    a_link_to_reset_the_password_works_once_and_looking_does_not_spend_it,
    an_address_is_verified_by_a_button_and_not_by_a_look,
    a_new_address_counts_from_when_its_mail_was_answered,
    a_new_address_takes_the_password,
    mailed_links_end_with_what_they_were_asked_in,
    a_link_to_an_address_before_resets_nothing,
    a_new_password_ends_other_sessions_and_wants_the_old_one,
    a_deleted_account_is_gone_and_its_address_is_free,
    after_signing_in_only_local_paths_are_followed,
    a_form_from_elsewhere_is_refused,
    a_forged_form_is_refused_before_anybody_asks_whose_it_is,
    forms_that_no_browser_would_send_are_refused_with_a_page,
    bodies_that_are_wrong_are_refused,
    the_first_administrator_is_made_once_and_keeps_a_new_password,
    a_password_is_hidden_while_it_is_typed_and_may_be_pasted_or_filled_in,
    pages_come_in_two_languages_and_with_headers_that_protect,
    a_parameter_of_argon2_that_rises_is_taken_over_at_sign_in,
    mails_go_over_a_protected_line_to_a_server_that_knows_us,
    a_mail_waits_while_its_server_is_not_the_one_that_it_should_be,
    a_mail_waits_while_its_server_offers_no_protection,
    a_mail_waits_while_its_server_is_away_and_over_a_restart,
    a_mail_waits_while_its_server_refuses_our_password,
    a_mail_that_its_server_refuses_for_good_is_given_up,
    a_password_is_not_made_of_what_others_know,
    every_page_behind_the_sign_in_shows_how_to_sign_out,
    the_last_administrator_can_not_leave,
    where_there_is_nothing_people_get_a_page_and_programs_a_problem,
    browsers_are_called_by_names_that_people_know,
    a_second_factor_counts_from_its_first_code_and_is_asked_for_from_then_on,
    a_code_works_once_and_for_its_own_account_only,
    wrong_codes_make_whoever_sends_them_wait_but_not_a_known_browser,
    the_step_after_the_password_belongs_to_one_browser_and_ends,
    a_recovery_code_signs_in_once_and_new_ones_replace_it,
    turning_it_off_takes_password_and_code_and_ends_other_sessions,
    a_set_up_waits_ten_minutes_and_the_newest_secret_counts,
    a_set_up_that_nobody_finishes_is_forgotten,
    a_forgotten_password_does_not_lead_around_the_second_factor,
    whoever_must_have_a_second_factor_sets_it_up_before_anything_else,
    what_is_no_code_is_refused_and_costs_no_try,
}
