//! Names and titles in ten languages, for mails must read well in all of them. What the board says itself is English.

/// What people and employers of one language call themselves and what they write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// ISO 639-1.
    pub(super) language: &'static str,
    /// Who recruits.
    pub(super) recruiter: &'static str,
    /// A colleague of theirs.
    pub(super) colleague: &'static str,
    /// Their employer.
    pub(super) employer: &'static str,
    /// A posting's title.
    pub(super) title: &'static str,
    /// A word of that title, as somebody looks for it.
    pub(super) search: &'static str,
    /// What a moderator says.
    pub(super) reason: &'static str,
    /// An event.
    pub(super) event: &'static str,
    /// Where that is.
    pub(super) place: &'static str,
}

/// One for each language, English first.
pub(super) const WORDS: &[Words] = &[
    Words {
        language: "en",
        recruiter: "Rita O'Neill-Recruiter",
        colleague: "Tariq \"T.J.\" Jones",
        employer: "Fernhollow Silicon & Sons",
        title: "Principal Chiplet Architect – UCIe <3D> packaging",
        search: "chiplet architect",
        reason: "The pay range is wider than what one role can mean; say what the hundred places pay.",
        event: "Batch interview day: 80 roles for one chip",
        place: "Fernhollow Campus, 1 Rack Row, Austin, TX",
    },
    Words {
        language: "de",
        recruiter: "Jürgen Groß-Köhler",
        colleague: "Zoë Müßig",
        employer: "Farnhöhle Halbleiter GmbH & Co. KGaA",
        title: "Leitende:r Chiplet-Architekt:in für Übertragungsschnittstellen und Hochgeschwindigkeitsgehäuse",
        search: "chiplet",
        reason: "Die Gehaltsspanne ist zu weit: bitte je Ort angeben, was gezahlt wird (§ 5 EntgTranspG).",
        event: "Bewerbungstag für Halbleiterfachkräfte",
        place: "Straße der Öfen 3, Dresden",
    },
    Words {
        language: "el",
        recruiter: "Ελένη Παπαδοπούλου",
        colleague: "Νίκος Ωραιόπουλος",
        employer: "Φτερόκοιλο Ημιαγωγοί Α.Ε.",
        title: "Κύριος αρχιτέκτονας chiplet για συσκευασία τριών διαστάσεων",
        search: "chiplet",
        reason: "Λείπει η αμοιβή για την Αθήνα· συμπληρώστε την, παρακαλώ.",
        event: "Ημέρα συνεντεύξεων",
        place: "Λεωφόρος Συγγρού 1, Αθήνα",
    },
    Words {
        language: "ru",
        recruiter: "Светлана Щербакова",
        colleague: "Пётр Ёлкин",
        employer: "ООО «Папоротник Полупроводники»",
        title: "Главный архитектор чиплетов (chiplet) и трёхмерной упаковки",
        search: "chiplet",
        reason: "Не указано, сколько платят в Ереване; добавьте, пожалуйста.",
        event: "День собеседований",
        place: "ул. Абовяна, 1, Ереван",
    },
    Words {
        language: "ar",
        recruiter: "ليلى المهندس",
        colleague: "طارق الخطيب",
        employer: "شركة السرخس لأشباه الموصلات",
        title: "كبير مهندسي معمارية chiplet والتغليف ثلاثي الأبعاد",
        search: "chiplet",
        reason: "لم يُذكر الراتب في دبي؛ أضِفه من فضلك (AED شهريًا).",
        event: "يوم المقابلات",
        place: "شارع الشيخ زايد 1، دبي",
    },
    Words {
        language: "he",
        recruiter: "רחל בן־דוד",
        colleague: "דוד לוי (D.L.)",
        employer: "שרך סיליקון בע״מ",
        title: "ארכיטקט/ית chiplet ראשי/ת לאריזה תלת־ממדית",
        search: "chiplet",
        reason: "חסר טווח השכר בחיפה; הוסיפו אותו (₪ לחודש).",
        event: "יום ראיונות",
        place: "שדרות האלון 1, חיפה",
    },
    Words {
        language: "hi",
        recruiter: "प्रिया श्रीवास्तव",
        colleague: "तारिक़ ख़ान",
        employer: "फ़र्न सिलिकॉन प्राइवेट लिमिटेड",
        title: "प्रमुख chiplet वास्तुकार – त्रिविमीय पैकेजिंग",
        search: "chiplet",
        reason: "बेंगलुरु के लिए वेतन नहीं बताया गया है; कृपया जोड़ें (₹ प्रति वर्ष)।",
        event: "साक्षात्कार दिवस",
        place: "एम॰जी॰ रोड 1, बेंगलुरु",
    },
    Words {
        language: "th",
        recruiter: "ณัฐธิดา ศรีสุวรรณ",
        colleague: "ธารินทร์ กิตติ",
        employer: "บริษัท เฟิร์นซิลิคอน จำกัด (มหาชน)",
        title: "หัวหน้าสถาปนิก chiplet สำหรับการบรรจุภัณฑ์สามมิติและการเชื่อมต่อความเร็วสูง",
        search: "chiplet",
        reason: "ยังไม่ได้ระบุค่าตอบแทนในกรุงเทพฯ โปรดเพิ่มเติม",
        event: "วันสัมภาษณ์งาน",
        place: "ถนนสุขุมวิท 1 กรุงเทพฯ",
    },
    Words {
        language: "ja",
        recruiter: "佐藤 理香",
        colleague: "田中 太郎",
        employer: "株式会社シダ谷シリコン",
        title: "主席chipletアーキテクト（UCIe・三次元実装）",
        search: "chiplet",
        reason: "東京の給与が書かれていません。「年額」で追記してください。",
        event: "一日選考会",
        place: "東京都千代田区丸の内１－１",
    },
    Words {
        language: "zh",
        recruiter: "李芮塔",
        colleague: "𠮷野塔里克",
        employer: "蕨谷芯片有限公司",
        title: "首席 chiplet 架构师（三维封装与高速互连）👩🏽‍🔧",
        search: "chiplet",
        reason: "没有写明新竹的薪酬，请补充。",
        event: "集中面试日",
        place: "上海市浦东新区机架路1号",
    },
];
