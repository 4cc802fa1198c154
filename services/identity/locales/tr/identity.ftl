# Everything that identity says, in Turkish.
brand = Course Platform
skip-link = İçeriğe geç
language-label = Dil
footer-text = Açık kaynaklı kurs pazarı
optional = (isteğe bağlı)
error-word = Hata
errors-title = Lütfen şunları düzelt
back-home = Ana sayfaya dön
field-email = E-posta
field-password = Parola
field-current-password = Mevcut parola
field-new-password = Yeni parola
field-name = Ad
field-city = Şehir
hint-new-password = En az 10 karakter. Yalnızca senin bir araya getireceğin birkaç kelime en iyisidir.
error-email-missing = E-postanı yaz
error-email-wrong = ada@example.com gibi bir e-posta adresi yaz
error-email-taken = Bu e-postayla bir hesap var. Onunla giriş yap
error-password-missing = Parolanı yaz
error-current-password-wrong = Mevcut parolanı yaz; bu başka bir parola
error-new-password-missing = Bir parola seç
error-new-password-short = En az 10 karakterli bir parola seç
error-new-password-long = En çok 128 karakterli bir parola seç
error-new-password-common = Başka bir parola seç; bu, başkalarının ilk denediklerinden
error-new-password-email = E-postan olmayan bir parola seç
error-new-password-words = Adından, e-postandan ya da bu sitenin bir kelimesinden ibaret olmayan bir parola seç
error-name-missing = Adını yaz
error-name-wrong = En çok 100 karakterli bir ad yaz
error-city-wrong = En çok 100 karakterli bir şehir yaz
error-refused = E-posta ya da parola yanlış. İkisini de denetleyip yeniden dene
error-blocked = Çok fazla deneme oldu. { $seconds } saniye sonra yeniden dene
blocked-title = Çok fazla deneme
error-busy = Şu anda çok kişi giriş yapıyor. Birazdan yeniden dene
sign-in-title = Giriş yap
sign-in-button = Giriş yap
sign-in-link = Hesabım var: giriş yap
sign-up-title = Hesap oluştur
sign-up-button = Hesap oluştur
sign-up-link = Burada yeniyim: hesap oluştur
sign-up-closed-title = Burada kimse kayıt olamıyor
sign-up-closed-text = Hesap için platformu işletene başvur.
forgotten-title = Parolanı mı unuttun?
forgotten-lead = E-postanı yaz. Hesabı varsa yeni parola seçmen için bir bağlantı göndereceğiz.
forgotten-button = Bağlantıyı gönder
forgotten-link = Parolamı unuttum
reset-title = Yeni bir parola seç
reset-button = Parolayı kaydet
verify-title = E-postanı doğrula
verify-lead = Bu e-postanın senin olduğunu doğrulamak için düğmeye bas.
verify-button = Doğrula
change-email-title = E-postanı değiştir
change-email-lead = Bundan sonra bu e-postayı kullanmak için düğmeye bas.
change-email-button = Bu e-postayı kullan
done-signed-up-title = E-postana bak
done-signed-up-text = Nasıl devam edeceğini anlatan bir e-posta gönderdik. Şimdiden giriş yapabilirsin.
done-mail-sent-title = E-postana bak
done-mail-sent-text = Bu e-postayla bir hesap varsa sana bir e-posta yolda. Bağlantısı kısa süre geçerli.
done-password-set-title = Parolan kaydedildi
done-password-set-text = Her yerde oturumun kapatıldı. Yeni parolayla giriş yap.
done-verified-title = E-postan doğrulandı
done-verified-text = Teşekkürler. Devam edebilirsin.
done-email-changed-title = E-postan değişti
done-email-changed-text = Bir sonraki girişinde onu kullan.
done-deleted-title = Hesabın silindi
done-deleted-text = Kişisel olan her şey silindi ve her yerde oturumun kapatıldı.
link-spent-title = Bu bağlantı artık geçerli değil
link-spent-text = Daha önce kullanılmış ya da süresi dolmuş. Yenisini isteyebilirsin.
consent-title = { $client } hesabına erişmek istiyor
consent-signed-in-as = { $email } olarak giriş yaptın.
consent-list = Şunları yapabilecek
consent-lasts = Seni her tanıdığında bunları en çok { $days } gün yapabilir.
consent-allow = İzin ver
consent-deny = İzin verme
consent-leads-to = İzni istediğin zaman hesap sayfandan geri alabilirsin. { $client } uygulamasını tanıyorsan izin ver.
scope-openid = geri geldiğinde seni tanımak
scope-profile = adını ve dilini görmek
scope-email = e-postanı görmek
scope-roles = eğitmen olup olmadığını görmek
scope-offline_access = bunları sen yokken de yapmak
scope-order-read = satın aldıklarını görmek
scope-catalog-read = satıştaki kurslara bakmak
scope-catalog-learn = kurslarını ve ne kadar ilerlediğini görmek
signed-out-title = Oturumun kapatıldı
signed-out-text = Yakında görüşmek üzere.
signed-out-back = Devam et
hand-over-title = Uygulamaya geçiliyor
hand-over-text = Kendiliğinden geçmezsen düğmeye bas.
hand-over-button = Devam et
sign-out-title = Oturumu kapatalım mı?
sign-out-lead = Bu tarayıcıdaki oturumun kapatılacak.
sign-out-button = Oturumu kapat
account-title = Hesabın
account-verified = Doğrulandı
account-not-verified = Doğrulanmadı
account-verify-again = Doğrulamayı yeniden gönder
account-profile = Profil
account-save = Kaydet
account-password = Parola
account-password-button = Parolayı değiştir
account-email = Yeni e-posta
account-email-button = Doğrulama gönder
account-applications = Uygulamalar
account-applications-text = Bunlara hesabına erişim izni verdin. Kaldırdığın uygulamanın erişimi hemen biter ve sana yeniden sorması gerekir.
account-given = İzin verildi
account-withdraw = Erişimi kaldır
account-sessions = Oturum açtığın yerler
account-this-browser = Bu tarayıcı
account-unknown-browser = Bilinmeyen tarayıcı
account-browser = { $system } üzerinde { $browser }
account-browser-on = { $system } üzerinde bir tarayıcı
account-last-seen = Son görülme
account-sign-out-one = Oturumu kapat
account-sign-out-all = Her yerde oturumu kapat
account-delete = Hesabımı sil
account-delete-text = Kişisel olan her şey silinir ve geri getirilemez.
account-delete-button = Kalıcı olarak sil
notice-saved = Kaydedildi.
notice-password-changed = Parolan değişti. Diğer bütün tarayıcılarda oturumun kapatıldı.
notice-mail-sent = E-posta yolda.
notice-withdrawn = Uygulamanın artık erişimi yok.
error-page-title = Bu olmadı
error-last-administrator = Tek yönetici sensin. Önce başka birini yönetici yap.
error-expired-title = Bu form eskimiş
error-expired-text = Geri dön, sayfayı yeniden yükle ve bir kez daha gönder. Çerezlere izin verilmiş olmalı.
error-form-text = Tarayıcının gönderdiği okunamıyor. Geri dön ve bir kez daha dene.
not-found-title = Burada bir şey yok
not-found-text = Bu adreste bir sayfa bulamadık. Taşınmış ya da kaldırılmış olabilir.
unavailable-title = Şu anda gösterilemiyor
unavailable-text = Lütfen birazdan yeniden dene.
error-client-text = Seni buraya gönderen uygulama bir hata yaptı. Ona dönüp yeniden dene; yine olursa yapımcılarına haber ver.
mail-verify-subject = E-postanı doğrula
mail-verify-text =
    Course Platform'a hoş geldin.

    Bu adresin senin olduğunu doğrulamak için şu bağlantıyı aç ve oradaki düğmeye bas:

    { $link }

    Kayıt olan sen değilsen bir şey yapman gerekmez.
mail-change-subject = Yeni e-postanı doğrula
mail-change-text =
    Hesabında bundan sonra bu adresi kullanmak için şu bağlantıyı aç ve oradaki düğmeye bas:

    { $link }

    Bunu isteyen sen değilsen bir şey yapman gerekmez.
mail-reset-subject = Yeni bir parola seç
mail-reset-text =
    Birisi, büyük olasılıkla sen, hesabın için yeni bir parola istiyor. Şu bağlantı oraya götürür:

    { $link }

    Bir kez ve kısa süre geçerli. İsteyen sen değilsen bir şey yapman gerekmez: eski parola kalır.
mail-taken-subject = Zaten bir hesabın var
mail-taken-text =
    Birisi, büyük olasılıkla sen, bu adresi bir hesap için kullanmak istedi. Adresin zaten bir hesabı var: giriş yapman yeterli. Parolanı unuttuysan şu sayfa yardım eder:

    { $link }

    İsteyen sen değilsen bir şey yapman gerekmez.
mail-email-changed-subject = E-postan değişti
mail-email-changed-text =
    Hesabın bundan sonra başka bir e-posta adresi kullanıyor. Bunu yapan sen değilsen hemen yeni bir parola belirle ve platformu işletene haber ver:

    { $link }
mail-password-changed-subject = Parolan değişti
mail-password-changed-text =
    Hesabının parolası değişti. Bunu yapan sen değilsen hemen yenisini belirle:

    { $link }
second-factor-title = İki adımlı giriş
second-factor-on = Açık
second-factor-off = Kapalı
second-factor-manage = İki adımlı giriş
second-factor-off-lead = Açıkken girişte parolanın yanında telefonundaki doğrulama uygulamasının gösterdiği kod da istenir. Yalnızca parolanı öğrenen giremez.
second-factor-on-lead = Girişte parolan ve doğrulama uygulamandaki kod istenir.
second-factor-required = Hesabının ikinci bir adımla korunması gerekiyor: telefonundaki doğrulama uygulamasının gösterdiği kodla. Uygulamayı hazır tut; bir dakika sürer.
second-factor-begin = Kur
second-factor-turn-off = Kapat
second-step-title = Kodunu yaz
second-step-lead = Parolan doğru. Şimdi doğrulama uygulamanın gösterdiği kodu yaz.
second-step-recovery-lead = Parolan doğru. Şimdi not aldığın kurtarma kodlarından birini yaz. Bir kez geçerlidir.
second-step-button = Giriş yap
second-step-recovery = Telefonum yanımda değil: kurtarma kodu kullan
second-step-code = Doğrulama uygulamasını kullan
second-step-again = Baştan başla
set-up-title = Doğrulama uygulamanı kur
set-up-lead = Uygulamayı aç, hesap ekle ve kamerayı bu resme tut.
set-up-picture = Doğrulama uygulaması için resim
set-up-by-hand = Kamera yoksa
set-up-key = Uygulamaya bu anahtarı yaz
set-up-uri = Ya da telefonda bu adresi aç
set-up-confirm = Uygulamanın şimdi gösterdiği kodu yaz
set-up-button = Aç
set-up-again = Baştan başla
set-up-over-title = Tamamlanacak bir şey yok
set-up-over-text = Kurulum çok uzun sürdü, yeniden başlatıldı ya da zaten bitti.
recovery-codes-title = Kurtarma kodlarını not al
recovery-codes-lead = Telefonun yanında değilken her biri bir kez giriş sağlar. Onları yalnızca şimdi görüyorsun: yazdır ya da parola yöneticine kaydet.
recovery-codes-button = Kaydettim
recovery-codes-left = Kalan kurtarma kodları: { $count }
recovery-codes-new = Yeni kurtarma kodları
field-code = Kod
field-recovery-code = Kurtarma kodu
hint-code = Doğrulama uygulamandan, ya da bir kurtarma kodu
error-code-missing = Kodu yaz
error-code-wrong = Uygulamanın şimdi gösterdiği kodu ya da kullanmadığın bir kurtarma kodunu yaz; bu kabul edilmedi
notice-second-factor-off = İki adımlı giriş kapandı. Diğer bütün tarayıcılarda oturumun kapatıldı.
notice-again = Çok uzun sürdü ya da çok fazla yanlış kod girildi. Lütfen yeniden giriş yap.
mail-second-factor-on-subject = İki adımlı giriş açıldı
mail-second-factor-on-text =
    Hesabına girerken bundan sonra bir doğrulama uygulamasının kodu da istenir. Bunu yapan sen değilsen hemen yeni bir parola belirle ve platformu işletene haber ver:

    { $link }
mail-second-factor-off-subject = İki adımlı giriş kapandı
mail-second-factor-off-text =
    Hesabına girerken artık yalnızca parola istenir. Bunu yapan sen ya da senin istediğin bir yönetici değilse hemen yeni bir parola belirle:

    { $link }
mail-recovery-code-used-subject = Bir kurtarma kodun kullanıldı
mail-recovery-code-used-text =
    Doğrulama uygulamanın kodu yerine kurtarma kodlarından biri kullanıldı. O kod artık geçersiz; kaç kodun kaldığı hesap sayfanda yazıyor. Bunu yapan sen değilsen hemen yeni bir parola belirle ve platformu işletene haber ver:

    { $link }
mail-end = Course Platform
