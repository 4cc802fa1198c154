-- Whoever owns an account is told of a recovery code that was used.
ALTER TABLE mails DROP CONSTRAINT mails_kind_check;
ALTER TABLE mails ADD CONSTRAINT mails_kind_check
    CHECK (kind IN ('verify_email', 'change_email', 'reset_password', 'address_taken', 'email_changed',
                    'password_changed', 'second_factor_on', 'second_factor_off', 'recovery_code_used'));
