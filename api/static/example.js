// Five short articles to try a search on, written for this page.

export const EXAMPLE_SOURCE = "مثال فهرس";

const told = (id, title, published, tags, text, language = "ar") => ({ id: `fihris-example-${id}`, title, source: EXAMPLE_SOURCE, published, tags, language, text });

export const EXAMPLE = [
  told("fihrist", "كتاب الفهرست لابن النديم", "2024-03-11", ["كتب"], "ألّف ابن النديم، وكان ورّاقًا في بغداد، كتاب «الفهرست» في أواخر القرن العاشر الميلادي، وجمع فيه أسماء ما عُرف من الكتب بالعربية في زمنه.\n\nرتّب الكتاب في عشر مقالات، لكل علم مقالة، وذكر مع كل مؤلف طرفًا من أخباره. وكثير مما ذكره من الكتب ضاع، فلم يبق منه إلا اسمه في الفهرست."),
  told("wisdom", "بيت الحكمة", "2024-05-02", ["تاريخ", "ترجمة"], "كان بيت الحكمة في بغداد خزانة كتب للخلفاء العباسيين، واجتمع حولها المترجمون.\n\nنُقلت كتب الطب والفلك والرياضيات من اليونانية والسريانية والفارسية إلى العربية، وكان حنين بن إسحاق من أشهر من ترجم كتب جالينوس."),
  told("paper", "الورق يصل إلى بغداد", "2023-11-20", ["صناعة"], "عرف المسلمون صناعة الورق في سمرقند في القرن الثامن، ثم أُقيمت معامله في بغداد في أيام هارون الرشيد.\n\nكان الورق أرخص من الرَّق، فكثرت الكتب والنسّاخون، وصار للورّاقين سوق يبيعون فيها الكتب وينسخونها."),
  told("alexandria", "مكتبة الإسكندرية", "2022-10-16", ["تاريخ"], "أسّس البطالمة مكتبة الإسكندرية القديمة في القرن الثالث قبل الميلاد، وكانت من أكبر مكتبات العالم القديم.\n\nصنع كاليماخوس فهرسًا لها عُرف باسم «القوائم»، رتّب فيه الكتب بحسب موضوعاتها ومؤلفيها. وافتُتحت مكتبة الإسكندرية الجديدة عام 2002."),
  told("catalogues", "Why libraries keep catalogues", "2024-01-08", ["books"], "A library without a catalogue is a heap of books: what cannot be found might as well not be there.\n\nThe oldest catalogues were lists by subject. Cards came in the eighteenth century, and searching by any word of a text only with computers.", "en"),
];
