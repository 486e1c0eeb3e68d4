"""The phrases that give a fault away, Chinese and English, in RE2's syntax. Han needs no word boundaries."""

from __future__ import annotations

import re

from curation.characters import NOTE

AI = r"(?:an?|the|just an?|only an?) (?:AI|artificial intelligence|(?:large )?language model)(?:[ -](?:language|based|powered|model|assistant|chatbot|program|system))*"
SORRY = r"(?:I(?:['’]m| am) (?:so |very |really )?sorry,? (?:but )?|sorry,? (?:but )?|unfortunately,? |I apologi[sz]e,? (?:but )?)?"
CANNOT = r"(?:can ?not|can['’]t|am (?:unable|not able|not capable|not programmed)|(?:don['’]t|do not) have)\b"
BOILERPLATE = (
    rf"(?i)^[\s\pP]*{SORRY}(?:as {AI},? (?:but )?(?:I {CANNOT}|I must decline|it is not possible for me)|I(?:['’]m| am) {AI}[^.\n]{{0,40}}{CANNOT})"
    r"|^[\s\pP]*(?:(?:我?很|我?非常|十分)?(?:抱歉|对不起|不好意思|遗憾)[，,。！ ]*)?(?:但|不过|由于)?(?:作为|我是|身为|我只是)(?:一[个名款种位])?"
    r"(?:AI|人工智能|大型语言|语言)(?:语言)?(?:AI|模型|机器人|程序|智能)?(?:助手|助理)?[^。！？\n]{0,12}(?:无法|不能|没有|不具备|不会)"
)
APOLOGY = (
    r"(?i)^[\s\pP]*(?:(?:I(?:['’]m| am) (?:so |very |really )?(?:sorry|afraid)|sorry|I apologi[sz]e|(?:my )?apologies)\b[^.!?\n]{0,60}"
    r"(?:cannot|can['’]t|unable|not able|won['’]t|don['’]t)"
    r"|(?:[a-z' ]{3,20}, (?:but )?)?(?:it is not possible for me to|I (?:must|have to) decline|I (?:cannot|can['’]t|am unable to|won['’]t) "
    r"(?:help|assist|provide|fulfill|comply|answer|create|generate|write)))"
    r"|^[\s\pP]*(?:(?:我?很|我?非常|十分)?(?:抱歉|对不起|不好意思|遗憾)[^。！？\n]{0,15}(?:无法|不能|没法|没有办法|不会)"
    r"|我(?:无法|不能)(?:回答|提供|帮助|协助|完成|满足))"
)
# A refusal that has a reason, or that goes on to help, may be just what is wanted.
EXCUSED = (
    r"(?i)legal|ethic|harm|privacy|private|personal|confidential|respect|appropriate|offens|discriminat|violen|danger|hate|stereotyp|bias|"
    r"safe|moral|medical|professional|however|\bbut (?:I|you|if|here)|instead|I can |I could |you (?:can|could|may|might)|if you|would you|"
    r"please provide|opinion|feelings|experience|emotion|body|physical|"
    r"法律|违法|非法|道德|伦理|隐私|机密|尊重|歧视|偏见|暴力|危险|安全|伤害|医生|专业|但|不过|然而|如果|可以|建议|请您?提供|观点|意见|感情|情感|感受|经历|身体|实体"
)
PLACEHOLDER = (
    r"(?i)^\s*(?:(?:[<\[(]|&lt;)\s*(?:no ?(?:output|input|answer|response|reply)|n/?a|null|todo|tbd|placeholder|无输出|无输入)\s*(?:[>\])]|&gt;)"
    r"|no ?(?:output|input)|n/a|todo|tbd|\.{3,}|…+|[（(]?(?:无输出|无输入|待补充)[)）]?)[.。]?\s*$|^\s*lorem ipsum dolor sit amet\W*$"
)
SLOT = r"\{\{ ?[A-Za-z_]{2,30} ?\}\}"
FORM = r"\[(?:Your|Insert|Company|Recipient|Name of)\b[^\]\n]{0,30}\]"
# Nothing but marks and signs; pictures (So) may be what was asked for, and so may signs where the prompt speaks of them.
WORDLESS = r"^[\s\pP\p{Sm}\p{Sc}\p{Sk}]*$"
SAYS_SIGN = r"(?i)emoji|emoticon|smil|morse|ascii|symbol|unicode|punctuat|operator|sign\b|mark\b|character|draw|\bart\b|表情|笑脸|摩尔斯|符号|标点|运算|字符|画|图"
# Three or more keys in a row, there and back: "asdf", "poiu". Or the word of whoever tries out a form.
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
RUNS = "|".join(
    sorted(
        {
            way[i:j]
            for row in ROWS
            for way in (row, row[::-1])
            for i in range(len(row))
            for j in range(i + 3, len(row) + 1)
        },
        key=len,
    )[::-1]
)
MASHED = rf"(?i)^[\s\pP]*(?:(?:{RUNS}|test)[\s\pP]*)+$"
CODE = r"```|</|&lt;/|;\s*\n|(?m)^(?:import|from|def|class|#include|SELECT) "
# What UTF-8 Chinese becomes when read as GBK: the 100 commonest characters that pairs of 54 common Chinese characters and
# marks turn into and that are rare in Chinese themselves (in neither level 1 of GB 2312 nor level 1 of Big5); two of them close
# together. Answers of 238,000 real records: none; the same answers garbled: 93%.
GARBLED = (
    "浜浠锛鍦杩鍙浣銆鐨鏄鎴鏉鍜鍒璇灏鍑浼瀵鐢鑳骞閲殑竴槸笉湪湁垜粬繖潵笂拰浗湴埌椂嚭彲篃綘敓兘瓙偅緱簬潃笅嚜箣彂悗綔噷"
    "紝屼屽佷佸戜熶庝嬩岃戝熷庡佽屾佹勪嗕変栦欎犱愪椾囦滀勫嶅嗗夊栧欏婂岀犲愬楀囧滃戣熻庤嬭"
)
BROKEN = (
    rf"[{GARBLED}]\S?[{GARBLED}]|(?:[ä-é][\x{{80}}-\x{{BF}}ŒœŠšŸŽžƒˆ˜–—‘’‚“”„†‡•…‰‹›€™]{{1,2}}){{2}}|"
    r"\x{FFFD}|锟斤|烫烫烫|屯屯屯|ï¿½|Ã[\x{80}-\x{BF}]|Â[\x{A0}-\x{BF}]|"
    r"â€[\x{80}-\x{9F}\x{153}\x{A6}\x{201C}\x{201D}\x{2DC}\x{2122}\x{2013}\x{2014}]|"
    r"[A-Za-z](?:nât|â(?:s|re|ve|ll|d|m))\b"  # don’t, it’s: its control characters were taken out
)
# Code that a machine translator has been over: full-width brackets and colons, keywords in Chinese.
TRANSLATED = (
    r"(?m)^[ \t]*(?:(?:def|class|for|while|if|elif|return|print)\b[^\n，。/#]{0,60}[（：][^\n/#]{0,40}[：）][ \t]*$"
    r"|(?:打印|返回|打印输出)（[^\n。]{0,60}）[;；]?[ \t]*$|导入 ?[a-z_.]{2,20}[ \t]*$|从 ?[a-z_.]{2,20} ?导入"
    r"|公共 ?(?:静态|类|私有|无效|空)|返回 [\w\[(][^\n，。]{0,40}[;；][ \t]*$|(?:否则|别的)[:：{][ \t]*$)"
)
CODED = r"(?m)\b(?:def|function|class|return|print|var|int|void|self|len|range)\b[ (]|[\w\])] ?[+*/-]?= ?[\w\[\"'(]|\(\)|&lt;|[;{}][ \t]*$|__"
# The next tasks of the list that a model was asked to write, left behind an answer.
RUN_ON = r"(?m)^\s*(?:#+ ?)?\d{1,2}[.、] ?(?:Instructions?|说明|指令) ?[:：]"
CALCULATOR = f"<<[{re.escape(NOTE)}]+>>"
DISLIKED = r'[{,]"label":false\b'  # as it stands in meta
ENTITY = r"&(?:lt|gt|quot|amp|nbsp|apos|#\d{2,5}|#x[0-9a-fA-F]{2,5});"
MARKUP = r"(?i)html|xml|entit|escap|markup|web ?page|实体|转义|网页|标签|&(?:lt|gt|quot|amp|nbsp|#\d)"
NO_INPUT = r"(?i)(?:<|&lt;|\[|\()\s*no ?(?:input|output)\s*(?:>|&gt;|\]|\))|(?:^|\n)[\[（(<]?(?:&lt;)?(?:无|没有|无需)输入(?:&gt;)?[\]）)>]?[.。]?\s*$"
# A turn that ends in the middle of a sentence: at a comma, at a word that needs another, at the number of an empty item.
OPEN_COMMA = r"[^\n]{40}[，、]\s*$"
WORD = (
    r"(?:[a-z,] (?:the|a|an|of|and|or|their|its|your|these|into|than|because)"
    r"|以及|并且|或者|因为|如果|例如|比如|包括|但是|而且|所以|更加|[^，。\n]{12}和)"
)
OPEN_WORD = rf"(?m){WORD}[ \t]*$"
OPEN_WORD_END = rf"{WORD}\s*$"
OPEN_NUMBER = r"\n\s*\d{1,2}[.、)]\s*$"
OPEN_ITEM = r"(?s)\n\s*1[.、)].{200,}\n\s*\d{1,2}[.、)]\s*$"
# A word that names a language, or work with words: an answer in another language may be just what is wanted.
SAYS_LANGUAGE = (
    r"(?i)translat|languag|english|chinese|mandarin|cantonese|pinyin|french|spanish|german|japanese|korean|russian|arabic|"
    r"italian|bilingual|英|译|[中外原]文|文言|[外法德日俄韩汉双]语|语[言种]|[谚成]语|词|句|字[母符典]|[文汉]字|拼[写音]|外国|歌|曲|[命取起]名|名[字称]|码|程序|函数|算法"
)
ENGLISH = r"(?i)\b(?:the|of|and|to|is|are|that|with)\b"
END = r"[.!?。！？…:：;；)）\]】}》>」』\"'”’`~*|=+\-_/\\\d\x{1F300}-\x{1FAFF}]\s*$"
