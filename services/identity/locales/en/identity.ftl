# Everything that identity says, in English.
brand = Course Platform
skip-link = Skip to content
language-label = Language
footer-text = An open-source course marketplace
optional = (optional)
error-word = Error
errors-title = Please correct this
back-home = Back to the home page
field-email = E-mail
field-password = Password
field-current-password = Current password
field-new-password = New password
field-name = Name
field-city = City
hint-new-password = At least 10 characters. A few words that only you would put together are best.
error-email-missing = Enter your e-mail
error-email-wrong = Enter an e-mail address like ada@example.com
error-email-taken = There is an account with this e-mail. Sign in instead
error-password-missing = Enter your password
error-current-password-wrong = Enter your current password; this was another one
error-new-password-missing = Choose a password
error-new-password-short = Choose a password of at least 10 characters
error-new-password-long = Choose a password of at most 128 characters
error-new-password-common = Choose another password; this one is among the first that others try
error-new-password-email = Choose a password that is not your e-mail
error-new-password-words = Choose a password that is not made of your name, your e-mail or a word of this site
error-name-missing = Enter your name
error-name-wrong = Enter a name of at most 100 characters
error-city-wrong = Enter a city of at most 100 characters
error-refused = The e-mail or the password is wrong. Check both and try again
error-blocked = There were too many attempts. Try again in { $seconds } seconds
blocked-title = Too many attempts
error-busy = Too many people are signing in right now. Try again in a moment
sign-in-title = Sign in
sign-in-button = Sign in
sign-in-link = I have an account: sign in
sign-up-title = Create an account
sign-up-button = Create account
sign-up-link = I am new here: create an account
sign-up-closed-title = Nobody can sign up here
sign-up-closed-text = Ask whoever runs this platform for an account.
forgotten-title = Forgotten your password?
forgotten-lead = Enter your e-mail. If it has an account, we will send you a link to choose a new password.
forgotten-button = Send the link
forgotten-link = I have forgotten my password
reset-title = Choose a new password
reset-button = Set the password
verify-title = Confirm your e-mail
verify-lead = Press the button to confirm that this e-mail is yours.
verify-button = Confirm
change-email-title = Change your e-mail
change-email-lead = Press the button to use this e-mail from now on.
change-email-button = Use this e-mail
done-signed-up-title = Check your mail
done-signed-up-text = We have sent you a mail that says how to go on. You can sign in already.
done-mail-sent-title = Check your mail
done-mail-sent-text = If there is an account with this e-mail, a mail is on its way. Its link works for a short time.
done-password-set-title = Your password is set
done-password-set-text = You are signed out everywhere. Sign in with the new password.
done-verified-title = Your e-mail is confirmed
done-verified-text = Thank you. You can go on now.
done-email-changed-title = Your e-mail is changed
done-email-changed-text = Use it the next time that you sign in.
done-deleted-title = Your account is deleted
done-deleted-text = Everything personal is gone from it, and you are signed out everywhere.
link-spent-title = This link does not work any more
link-spent-text = It was used already or is too old. You can have a new one sent.
consent-title = { $client } wants access to your account
consent-signed-in-as = You are signed in as { $email }.
consent-list = It would be allowed to
consent-lasts = Each time it signs you in it may do so for up to { $days } days.
consent-allow = Allow
consent-deny = Don't allow
consent-leads-to = You can take this back at any time on your account page. Allow it only if you know { $client }.
scope-openid = recognise you when you come back
scope-profile = see your name and language
scope-email = see your e-mail
scope-roles = see whether you teach
scope-offline_access = do this also while you are away
scope-order-read = see what you bought
scope-catalog-read = look through the courses that are on offer
scope-catalog-learn = see your courses and how far you are
signed-out-title = You are signed out
signed-out-text = See you soon.
signed-out-back = Continue
hand-over-title = On to the application
hand-over-text = If you are not taken there by yourself, press the button.
hand-over-button = Continue
sign-out-title = Sign out?
sign-out-lead = You will be signed out in this browser.
sign-out-button = Sign out
account-title = Your account
account-verified = Confirmed
account-not-verified = Not confirmed
account-verify-again = Send the confirmation once more
account-profile = Profile
account-save = Save
account-password = Password
account-password-button = Change the password
account-email = New e-mail
account-email-button = Send a confirmation
account-applications = Applications
account-applications-text = You have let these into your account. One that you remove loses its access at once, and has to ask you again.
account-given = Allowed
account-withdraw = Remove access
account-sessions = Where you are signed in
account-this-browser = This browser
account-unknown-browser = Unknown browser
account-browser = { $browser } on { $system }
account-browser-on = A browser on { $system }
account-last-seen = Last seen
account-sign-out-one = Sign out
account-sign-out-all = Sign out everywhere
account-delete = Delete my account
account-delete-text = Everything personal will be gone, and you can't get it back.
account-delete-button = Delete for good
notice-saved = Saved.
notice-password-changed = Your password is changed. All other browsers are signed out.
notice-mail-sent = A mail is on its way.
notice-withdrawn = The application has no access any more.
error-page-title = That did not work
error-last-administrator = You are the only administrator. Make somebody else one first.
error-expired-title = This form is too old
error-expired-text = Go back, load the page again and send it once more. Cookies must be allowed.
error-form-text = What your browser sent can't be read. Go back and try once more.
not-found-title = There is nothing here
not-found-text = We found no page at this address. It may have moved or been removed.
unavailable-title = Not available right now
unavailable-text = Please try again in a moment.
error-client-text = The application that sent you here made a mistake. Go back to it and try again; if it happens again, tell its makers.
mail-verify-subject = Confirm your e-mail
mail-verify-text =
    Welcome to the Course Platform.

    Please open this link and press the button there to confirm that this address is yours:

    { $link }

    If you have not signed up, you need not do anything.
mail-change-subject = Confirm your new e-mail
mail-change-text =
    Please open this link and press the button there to use this address for your account from now on:

    { $link }

    If you have not asked for this, you need not do anything.
mail-reset-subject = Choose a new password
mail-reset-text =
    Somebody, probably you, wants to set a new password for your account. This link leads there:

    { $link }

    It works once and for a short time. If it was not you, you need not do anything: the old password stays.
mail-taken-subject = You have an account already
mail-taken-text =
    Somebody, probably you, wanted to use this address for an account. It has one already: just sign in. If you have forgotten the password, this page helps:

    { $link }

    If it was not you, you need not do anything.
mail-email-changed-subject = Your e-mail is changed
mail-email-changed-text =
    Your account uses another e-mail address from now on. If it was not you, set a new password at once and tell whoever runs the platform:

    { $link }
mail-password-changed-subject = Your password is changed
mail-password-changed-text =
    The password of your account is another one now. If it was not you, set a new one at once:

    { $link }
second-factor-title = Two-step sign-in
second-factor-on = On
second-factor-off = Off
second-factor-manage = Two-step sign-in
second-factor-off-lead = With it, signing in takes your password and a code that an authenticator app on your phone shows. Whoever only learns your password does not get in.
second-factor-on-lead = Signing in takes your password and a code from your authenticator app.
second-factor-required = Your account has to be protected by a second step: a code that an authenticator app on your phone shows. Have the app at hand; this takes a minute.
second-factor-begin = Set it up
second-factor-turn-off = Turn it off
second-step-title = Enter your code
second-step-lead = Your password is right. Now enter the code that your authenticator app shows.
second-step-recovery-lead = Your password is right. Now enter one of the recovery codes that you wrote down. It works once.
second-step-button = Sign in
second-step-recovery = I don't have my phone: use a recovery code
second-step-code = Use the authenticator app
second-step-again = Begin anew
set-up-title = Set up your authenticator app
set-up-lead = Open the app, add an account, and point it at this picture.
set-up-picture = Picture for the authenticator app
set-up-by-hand = Without a camera
set-up-key = Enter this key in the app
set-up-uri = Or open this address on the phone
set-up-confirm = Enter the code that the app shows now
set-up-button = Turn it on
set-up-again = Begin anew
set-up-over-title = There is nothing to finish
set-up-over-text = Setting it up took too long, was begun anew, or is done already.
recovery-codes-title = Write down your recovery codes
recovery-codes-lead = Each of them lets you in once when you don't have your phone. You see them only now: print them or keep them in a password manager.
recovery-codes-button = I have kept them
recovery-codes-left = Recovery codes that are left: { $count }
recovery-codes-new = New recovery codes
field-code = Code
field-recovery-code = Recovery code
hint-code = From your authenticator app, or a recovery code
error-code-missing = Enter the code
error-code-wrong = Enter the code that the app shows now, or a recovery code that you have not used; this one is not accepted
notice-second-factor-off = Two-step sign-in is off. All other browsers are signed out.
notice-again = That took too long, or there were too many wrong codes. Please sign in again.
mail-second-factor-on-subject = Two-step sign-in is on
mail-second-factor-on-text =
    Signing in to your account takes a code from an authenticator app from now on. If it was not you, set a new password at once and tell whoever runs the platform:

    { $link }
mail-second-factor-off-subject = Two-step sign-in is off
mail-second-factor-off-text =
    Signing in to your account takes nothing but the password any more. If it was neither you nor an administrator whom you asked, set a new password at once:

    { $link }
mail-recovery-code-used-subject = A recovery code was used
mail-recovery-code-used-text =
    One of your recovery codes was used in place of a code from your authenticator app. It works no more; the page of your account shows how many are left. If it was not you, set a new password at once and tell whoever runs the platform:

    { $link }
mail-end = Course Platform
