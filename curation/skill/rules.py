"""The rules of the skill judge: what words and what shape of a record tell, in Chinese and in English."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.classifier.features import DECLARED, first
from curation.record import Turns, flat_turns


@dataclass(frozen=True)
class View:
    """What the rules look at, one row a record; "" where a record has no such turn."""

    system: pa.Array  # of the system turn, 1,000 characters
    ask: pa.Array  # first user turn: its first 1,000 and, where it is longer, its last 300 characters
    start: pa.Array  # its first 200
    end: pa.Array  # its last 200
    answer: pa.Array  # first assistant turn, 1,500 characters
    first: pa.Array  # its first 200
    last: pa.Array  # its last 200


# --- Rules, in RE2's syntax. `\b` knows ASCII words only, so Han needs none.
TOOLS = (
    r"(?i)# ?tools\b|<\|?(?:functioncall|function_call|tool_call|plugin)|\bfunction_call\b|toolformer|"
    r"\bfunctions? (?:available|that you (?:can|may) use)|access to the following (?:functions|tools|apis)|"
    r"可以(?:使用|调用)(?:以下|下列|下面的?)(?:工具|函数|接口|插件)"
)
CALL = r'^\s*\{\s*"name"\s*:\s*"[\w.-]+"\s*,\s*"(?:arguments|parameters)"|<\|?(?:functioncall|tool_call)'
PERSONA = (
    r"(?i)(?:^|[.!?\n]\s*)(?:imagine (?:that )?you(?:['’]re| are| were)|pretend (?:to be|that you|you)|(?:please )?act (?:as|like) (?:an?|the|if|my)\b|step into the shoes|you(?:['’]re| are) (?:pretending|playing|role)|as an? [a-z' -]{3,60}, (?:you|how|what|explain|describe|provide|share|give|write|tell)|"
    r"(?:take(?: on)?|assume|play|adopt) the (?:role|persona|character|identity)|in the role of|embody(?:ing)? (?:an? |the )?[a-z]|(?-i:As [A-Z][a-z]+[\w .'’]{0,50}, (?:how|what|why|where|which|explain|describe|discuss|tell|share|give|write|provide)\b)|role-?play|I want you to (?:act|be|play)|"
    r"you(?:['’]re| are) (?:now )?(?:an?|the) [a-z][^.\n]{2,80}(?:[.,]| who (?:has|have|is|are|was|just)| (?:asked|tasked|hired) )|(?-i:You are (?:now )?(?:[A-Z][a-z]+['’]s \w+|[A-Z][a-z]+,? (?:[A-Z]|the |from |a |an ))))|in (?:the )?(?:character|voice|persona) of|as if you were an? "
    r"|(?:pose|posing) as (?:an?|the) |(?:扮演|充当)|假装(?:你|自己)?是|假装你|沉浸于.{1,30}角色|(?:你|假定自己)(?:现在)?是(?:一[个名位只]|拥有)|(?:现在|假设|假装|想象)你是|(?:想|希望|要|请)(?:让)?你(?:来)?(?:作为|担任|充当|做一?[个名位]|假定|模拟|成为)|作为(?:一[个名位]).{1,20}[，,](?:请|你)|我要你(?:来)?(?:演|做|充当|担任|扮演|作为)|表现得像|用.{1,12}的(?:口吻|语气|身份)"
)
NO_PERSONA = r"(?i)you(?:['’]re| are) (?:now )?an? (?:helpful|(?:helpful )?AI|chat|language|assistant|student|person looking|given)|你是(?:一[个名位])?(?:AI|人工智能|语言|乐于|有用|助手|智能)"
COURT = r"臣妾|嫔妾|本宫|奴才|奴婢|小主|娘娘|皇上|微臣|启禀|(?:^|[，。！？])(?:朕|老夫|本座|妾身)"  # who speaks so plays a part
SPEECH = r"^「.{2,80}」"
PAPER = (
    r"(?i)\b(?:patients|clinical|cohort|retrospective|prospective|95% ?CI|p ?[<=>] ?0?\.\d|"
    r"were (?:enrolled|collected|measured|analy[sz]ed|randomi[sz]ed))\b"
)
TRANSLATE = (
    r"(?i)\btranslat(?:e|ed|ing|ion)\b|\b(?:in|into|to) (?:french|spanish|german|italian|japanese|chinese|russian|korean|latin|portuguese|arabic|hindi)\b"
    r"|翻译|译成|译为|译文|(?:英|中|法|德|日|俄|韩|西班牙)(?:文|语)(?:怎么|如何)说"
)
LANGUAGE = (
    r"(?i)\b(?:python|java|javascript|typescript|c\+\+|html|css|sql|mysql|php|ruby|rust|golang|kotlin|swift|perl|matlab|bash|shell script|regex|"
    r"regular expression|node\.?js|react|django|flask|numpy|pandas|pytorch|tensorflow|json|xml|github|linux|docker|api|algorithm|pseudo-?code|program(?:ming)?|"
    r"source code|code|function|script|compiler|debug|class|array|string|loop|scratch|block|sprite|query|database)\b|c#|代码|编程|程序|函数|脚本|算法|数组|字符串|变量|数据库|积木|块(?:的|有|是|吗|来|中)"
)
CODE_STRONG = (
    r"(?i)\b(?:write|create|build|design|develop|implement|construct|generate|make|edit|fix|debug|rewrite|optimi[sz]e|modify|refactor|complete)\b[^.\n]{0,60}"
    r"(?:\b(?:python|java|javascript|typescript|php|ruby|rust|kotlin|swift|bash|html|css|sql|mysql|regex|regular expression|shell|node\.?js|react|django|flask|pytorch|"
    r"tensorflow|numpy|program|script (?:that|to|which|in)|code|algorithm|json|class (?:that|to|which|in|called|for|named)|api|function (?:that|to|which|in|called))\b|c\+\+|c#|\bquery (?:to|that|which)\b)"
    r"|\b(?:python|javascript|java|sql|php|html|css|scratch)\b[^.\n]{0,40}\b(?:code|function|program|script|query|statement|syntax|snippet|class|page|block)"
    r"|(?:编写|写|实现|创建|设计|生成|修改|优化)[^。\n]{0,20}(?:代码|程序|函数|脚本|算法|SQL|查询|正则)|Scratch|(?:python|java|php|c\+\+|javascript)(?:代码|程序|函数|语言|中)"
)
CODE_TEXT = (
    r"(?m)^\s*(?:def \w+\(|class \w+[(:{ ]|import [\w.]+|from [\w.]+ import |#include ?<|using namespace|public (?:static|class|void)|function \w*\(|"
    r"(?:const|let|var) \w+ ?=|<\?php|<!DOCTYPE|</?(?:html|body|div|head|table)\b|\w+ = \[[^\n]*\]$|SELECT [\w*, ]+ FROM |CREATE TABLE |#!/|@\w+\n|\w+ = \w+\.\w+\(|print\(|console\.log|for ?\(|"
    r"return .{1,60};?$|package \w+;)|(?i)```(?:python|java|c\b|cpp|c\+\+|c#|javascript|js|html|css|sql|php|go|rust|bash|sh\b|ruby|r\n|typescript|json|xml|yaml)|api_call"
)
CODE_NAME = (  # of which one speaks to a programmer only
    r"(?i)\b(?:python|javascript|typescript|node\.?js|php|mysql|postgresql|django|flask|pytorch|numpy|pandas|jquery|hashmap|tkinter|webstorm|"
    r"visual studio|stack ?overflow|pip install|npm|next\.js|vue(?:\.js)?|tailwind|laravel|angular|kubernetes|dockerfile|regular expression)\b|\bc(?:\+\+|#)|```|数据结构|[cC] ?代码"
)
BLOCKS = (  # of a language whose programs are put together of blocks
    r"Scratch|积木块|[A-Za-z)）”\"] ?块|块(?:用于|属于|规范|类别)|脚本.*(?:精灵|角色|舞台|循环|块)|(?:精灵|角色|舞台|循环|变量|列表).*脚本"
)
CODE_BLOCK = (  # a whole answer in code, whatever was asked
    r"(?m)^(?:def \w+\(.*\):|#include ?<|import \w+$|public class |<!DOCTYPE html)|api_call"
)
LATEX = r"\\(?:frac|sqrt|boxed|begin\{(?:align|equation|array|cases|pmatrix)|sum|int|cdot|times|leq?|geq?|mathbb|angle|triangle|boldsymbol)\b|\$[^$\n]{0,60}[=^_\\+<>][^$\n]{0,60}\$"
ARITHMETIC = r"\d[\d,.]*\s*%?\s*[-+*/×÷xX^–]\s*[$€£¥]?\(?\d[\d,.]*[^=\n\d][^=\n]{0,30}=|\d\)?\s*[-+*/×÷–]\s*\(?[$]?\d[\d,./%*+() -]*=|^\s*x=[\d(]|<<[^<>\n]+=|[\w)]\s*=\s*[\d.,]+\s*[-+*/×÷]\s*[\d.,]+"
QUANTITY = (
    r"(?i)how (?:many|much|far|long|fast|old|tall|heavy)\b|what (?:is|was|will be|would be|are|percent)[^?\n]{0,40}\b(?:sum|total|average|mean|ratio|percent(?:age)?|probability|area|perimeter|"
    r"volume|speed|distance|cost|price|profit|difference|number|remainder|value|length|width|height|age|amount|interest|rate|median|mode|range|product)\b|"
    r"\bfind (?:the|out|all|his|its|x\b)|多少|(?:是|有|要|用|剩|需|花|卖|买|走|行|得|收|长|宽|高|重|大|小|去|来|了|到|成|共|树|分)(?:了)?几|几[分小天年次个只本元米页人千倍岁块棵朵辆箱]|(?:面积|体积|周长|平均|总和|利润)(?:是|为)|(?:^|[^要请需追寻征谋请恳])求(?:出|解|证|和|值|[a-zA-Z0-9下以这该此])"
)
NUMBER = r"(?:\d|[一二两三四五六七八九十百千半双倍]|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|half|twice|double|triple|quarter|third)\b)"
NUMBERS = rf"(?is){NUMBER}.*?[^\d]{NUMBER}"
MATH_WORDS = (
    r"(?i)\b(?:calculate|compute|evaluate|simplify|factori[sz]e|differentiate|integrate|solve (?:for|the (?:equation|system|following))|equation|polynomial|integral|derivative|"
    r"square root|arithmetic|geometr(?:y|ic)|trigonometr|algebra|prime (?:number|factor)|fraction|quadratic|logarithm|matrix|hypotenuse|triangle|percent of|multiply|divided by|"
    r"least common|greatest common|linear function|nonlinear|rate of change|range of|relation a function|in the (?:table|schedule)|at the (?:table|schedule)|stem-and-leaf|probability|median|variance|standard deviation|multiplication|permutation|theorem)\b|计算(?:[^机]|$)|等式|方程|多项式|函数f|平方根|三角形|多边形|概率|除以|乘以|加减|[加减乘除]法|简便|小数|分数(?:的|是|为|化|相|加|减|乘|除)|比例|质数|数列|向量"
)
SUM_ONLY = r"^\s*[\d(][\d\s.+\-*/×÷()^%]*[-+*/×÷^][\d\s.+\-*/×÷()^%]*\d\)?\s*(?:=|等于|是)?\s*(?:几|多少)?\s*[?？]?\s*$"
HARM = (
    r"(?i)\b(?:kill(?:ing|ed|s)?|murder\w*|suicid\w*|rap(?:e|ist|ing)|bomb\w*|explosives?|steal\w*|stolen|rob(?:bery|bing|bed)?|"
    r"burglar\w*|kidnap\w*|assault\w*|poison\w*|weapons?|terroris\w*|nazis?|hitler|holocaust|slurs?|racis\w+|sexis\w+|offensive|"
    r"hate|porn\w*|prostitut\w*|nudes?|naked|drugs?|cocaine|meth|heroin|hack(?:ing|ed|s)?|phish\w*|fraud\w*|scam\w*|blackmail|"
    r"illegal\w*|abus\w+|molest\w*|genocide|inferior|superior race|social security|credit card|bull(?:y|ying)|tortur\w+|"
    r"stab(?:bing)?|hookers?|harass\w*|counterfeit\w*|launder\w*|smuggl\w*|stalk\w*|shoplift\w*|stereotyp\w*|jews?|black people|"
    r"immigrants|muslims?|gays?|whores?|bitch\w*|conspiracy|sex(?:ual\w*|y)?)\b"
    r"|自杀|杀人|炸弹|毒品|偷|抢劫|诈骗|歧视|色情|仇恨|暴力|黑客|违法|犯罪|伤害|报复"
)
MORAL = (  # judges what is asked
    r"(?i)\b(?:unethical|immoral|not (?:ethical|appropriate|acceptable|okay|right|legal|safe|recommended|advisable)|unacceptable|inappropriate|derogatory|hate speech|"
    r"against the law|serious (?:crime|offen[cs]e)|(?:is|are|be|it['’]s) (?:also |very |highly |considered |an? )?(?:illegal|a crime|dangerous|offensive|harmful|wrong)|no (?:credible |scientific )?evidence|never (?:okay|acceptable|appropriate|safe)|"
    r"cannot (?:assist|condone|support|encourage|promote|provide)|can['’]t (?:assist|help)|seek (?:help|professional|medical)|should (?:not|never|be treated with)|do not (?:condone|encourage|support))\b|"
    r"(?:是|既|属于|行为)(?:违法|非法|不合法|犯罪|不道德|错误)的?|不道德|不合法|不可接受|不能接受|不(?:应该?|能|要|可以?|得|建议|赞成|鼓励|支持)(?:被|去|进行|从事|使用|有)?(?:歧视|伤害|偷|骗|欺|报复|暴力|违法|任何)|尊重(?:他人|别人|每)|请(?:勿|不要|遵守|尊重|寻求)|寻求(?:专业)?帮助"
)
MORAL_TALK = r"(?i)\b(?:respect(?:ful)?|privacy|violat\w+|stereotyp\w+|racis\w+|discriminat\w+|violence|criminal|consent|sensitive|personal information|equal(?:ity)?|illegal|offensive|harmful|dangerous)\b|违法|非法|歧视|犯罪|伤害|隐私|偏见|暴力|尊重|道德"
REFUSE = r"(?i)^\W*(?:I(?:['’]m| am) (?:really |very )?sorry|sorry|I (?:cannot|can['’]t|won['’]t)|I apologi[sz]e,? but|as an? (?:AI|artificial)|it is (?:not|never|illegal|important|un)|no,|that(?:['’]s| is) not|there is no|we should|I would not)|^(?:很|非常)?抱歉|^对不起|^我(?:不能|无法|必须)|^作为"
HATE = r"(?i)\b(?:nazis?|neo-nazi\w*|hitler|holocaust|racis\w+|sexis\w+|slurs?|jews?|black people|immigrants|muslims?|gays?|superior race)\b|歧视(?:[^法]|$)|仇恨|种族"
RETELL = (  # a text to work on may speak of harm
    r"(?i)\b(?:summari[sz]e|summary|edit|rewrite|paraphrase|classify|categori[sz]e|title|headline|nutshell|tl;?dr)\b"
    r"|编辑|摘要|总结|改写|重写|反义词|同义词|分类|标题|缩写"
)
REASON = (
    r"(?i)step[- ]by[- ]step|reason(?:ing|s)? (?:process|step|carefully|through)|let['’]s think|think (?:first|carefully|about)|stream of consciousness|random (?:thoughts|reasoning)|chain[- ]of[- ]thou?ght?|thought process|think (?:slowly|gradually)|let me think|rationale|verifiable|fact(?:ual|ually|ual statement)\b|true or false|statement true|sentence true|question slowly|reasoning first|explanation first|answer explanation|give (?:your |some )?(?:reasoning|rationale)|"
    r"solve th(?:is|e) problem gradually|common ?sense|is the claim|can be inferred|inferred|infer |if true|premise|hypothesis|entail|argument|assumption|conclusion|most (?:strongly )?(?:support|weaken)|equivalent\b|also be used to answer|order the events|odd one out|in common\b|missing part|"
    r"riddle|puzzle|logic|deduce|which of the following|推理|逻辑|推断(?:[^出]|$)|推出|推论|是否遵循|意思.{0,4}相同|是否相同|有道理吗|共性|(?:支持|削弱|质疑|加强|反驳|解释)(?:上述|以上|了)|如果.{0,16}为真|(?:以下|下列).{0,16}(?:为真|正确|符合|不能|除)|蕴含|谜语|结论|三段论"
)
CHOICES = r"(?i)options?:|answer ?1:|\n\s*\(?A[).．、][^\n]*(?:\n|.)*?\n\s*-? ?\(?B[).．、]|\(A\).*?\(B\)|\bchoices?:|answer format:|A[.．、].{1,80}B[.．、]"
VERDICT_END = r"(?is).{60}[.!?]\s*(?:(?:so |thus, )?the answer(?: is|:) *)?(?:yes|no)\.?\s*$"
EXAM = r"(?i)^please (?:choose the correct answer|answer the following question with true or false)"
WRITE = (
    r"(?i)\b(?:write|compose|draft|craft|rewrite|rephrase|paraphrase|summari[sz]e|edit|revise|proofread|create|generate|produce|construct|formulate|develop|design|propose|output|make up|come up with|brainstorm|describe|tell me|give me|add)\b[^.?\n]{0,60}\b(?:story|stories|poem|haiku|limerick|sonnet|ode|essay|email|e-mail|letter|article|blog|slogan|"
    r"headline|tweet|post|speech|song|lyrics|paragraph|sentence|dialogue|monologue|script|review|advertisement|ad\b|description|report|summary|title|caption|note|joke|pun|proverb|analogy|metaphor|simile|adjective|plot|scene|character|resume|biography|tagline|outline|statement|press release|invitation|message|name|campaign|(?:persuasive|convincing) (?:argument|point))s?\b|"
    r"\b(?:summari[sz]e|paraphrase|rephrase|rewrite|proofread|headline|title:|tl;?dr|write an?)\b|写一|撰写|作文|诗|故事|(?:写|编|创作|起草|改写|重写|仿写|扩写|润色|总结|概括|缩写|续写)|(?:生成|创建|提供|给我|设计|制作)[^。\n]{0,30}(?:文章|笑话|段子|简介|描绘|摘要|剧本|台词|句子|列表)|摘要|造.{0,6}句|句子.{0,4}(?:简洁|合)|笑话|段子|邮件|标语|口号|对联|广告|文案|演讲|小说|标题"
)
KNOW = (
    r"(?i)^\W*(?:what|who|whom|whose|when|where|which|why|how|is|are|was|were|do|does|did|can|could|should|would|has|have|q:)\b|(?:[.!?]\s+|\n\s*)(?:what|who|whom|whose|when|where|which|why|how|should|can|does)\b[^.!\n]*\?|\b(?:explain|define|describe|name|list|identify|classify|categori[sz]e|tell me (?:about|which|what|how|why)|show me|advise|give (?:a tip|some examples|an example|examples|me)|compare|what (?:is|are|was|does)|difference between|meaning of|patients?|clinical|"
    r"(?:advantages|disadvantages|benefits|causes|effects|reasons|types|ways|examples) (?:of|to|for)|definition|history of|capital of|please answer the following question|correct answer to the question)\b|什么|是谁|谁是|哪[些个里种一]|为什么|为何|介绍|解释|说明|说出|列出|列举|定义|区别|原因|意思|如何|怎[么样]|吗[？?]|是否|多[少大长远高]|分类|建议|方法|方式|症状|治疗|患者|疾病|手术|药|病|检查|诊断|描述|比较|历史|知道"
)


# What a more particular skill covers: a program that is asked for is no piece of writing, a sum no question of knowledge.
COVERED = {
    "writing": ("tool_use", "translation", "code"),
    "knowledge": ("tool_use", "role_play", "translation", "code", "math", "safety", "writing"),
}


def findings(records: pa.Table, long_bytes: int, multi_turns: int) -> dict[str, np.ndarray]:
    """Return a bool for each record and each skill but `general`; reads `turns`, and the tools that `meta` declares."""
    turns, n = flat_turns(records), records.num_rows
    record = np.repeat(np.arange(n), np.diff(turns.offsets))
    roles = {role: _true(pc.equal(turns.roles, role)) for role in ("system", "user", "assistant", "tool")}
    size = pc.fill_null(pc.binary_length(turns.contents), 0).to_numpy(zero_copy_only=False)
    view = _view(turns)
    long = _any(size >= long_bytes, record, n)
    count = [np.bincount(record[roles[role]], minlength=n) for role in ("user", "assistant")]
    code, math = _code(view), _math(view)
    paper = _has(view.ask, PAPER)
    reasoning = _has(view.ask, REASON) | _has(view.ask, CHOICES) | _has(view.last, VERDICT_END)
    found = {
        "tool_use": _any(roles["tool"], record, n)
        | _has(records["meta"].combine_chunks(), DECLARED)
        | _has(view.system, TOOLS)
        | _has(view.start, TOOLS)
        | _has(view.first, CALL),
        "role_play": _role_play(view),
        "long_text": long,
        "multi_turn": np.minimum(*count) >= multi_turns,
        "translation": (_has(view.start, TRANSLATE) | _has(view.end, TRANSLATE)) & ~code,
        "code": code,
        "math": math & ~(code & ~_has(view.ask, LATEX)),
        "safety": _safety(view),
        "reasoning": reasoning & ~paper & ~_has(view.start, EXAM),
        "writing": _has(view.start, WRITE) | _has(view.end, WRITE),
        "knowledge": paper | _has(view.ask, KNOW),
    }
    return narrowed(found)


def narrowed(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return findings, a bool for each record and skill, without those that others cover."""
    out = dict(found)
    for name in COVERED.keys() & found.keys():
        for other in found.keys() & COVERED[name]:
            out[name] = out[name] & ~found[other]
    return out


def _view(turns: Turns) -> View:
    user, answer = first(turns, "user"), first(turns, "assistant")
    end = pc.utf8_slice_codeunits(user, -300)
    head = pc.utf8_slice_codeunits(user, 0, 1000)
    tail = pc.if_else(pc.greater(pc.utf8_length(user), 1300), end, "")
    return View(
        system=pc.utf8_slice_codeunits(first(turns, "system"), 0, 1000),
        ask=pc.binary_join_element_wise(head, tail, "\n"),
        start=pc.utf8_slice_codeunits(user, 0, 200),
        end=pc.utf8_slice_codeunits(user, -200),
        answer=pc.utf8_slice_codeunits(answer, 0, 1500),
        first=pc.utf8_slice_codeunits(answer, 0, 200),
        last=pc.utf8_slice_codeunits(answer, -200),
    )


def _role_play(view: View) -> np.ndarray:
    system = _has(view.system, PERSONA) & ~_has(view.system, NO_PERSONA)
    user = _has(view.start, PERSONA) & ~_has(view.start, NO_PERSONA)
    spoken = _has(view.start, COURT) | _has(view.first, COURT) | (_has(view.start, SPEECH) & _has(view.first, SPEECH))
    found: np.ndarray = system | user | spoken
    return found


def _code(view: View) -> np.ndarray:
    asked = _has(view.start, CODE_NAME) | _has(view.start, BLOCKS) | _has(view.first, BLOCKS)
    written = _has(view.answer, CODE_TEXT)
    named = (written & _has(view.ask, LANGUAGE)) | (_has(view.ask, CODE_TEXT) & _has(view.start, LANGUAGE))
    found: np.ndarray = asked | named | _has(view.ask, CODE_STRONG) | _has(view.answer, CODE_BLOCK)
    return found


def _math(view: View) -> np.ndarray:
    short = _true(pc.less_equal(pc.utf8_length(view.ask), 1000))  # papers are full of figures
    numbers, worked = _has(view.ask, NUMBERS), _has(view.answer, ARITHMETIC)
    asked, words = _has(view.ask, QUANTITY), _has(view.ask, MATH_WORDS)
    formula = _has(view.ask, LATEX) | _has(view.ask, SUM_ONLY)
    problem = (asked & (worked | (numbers & _has(view.first, r"\d")))) | (numbers & worked)
    found: np.ndarray = formula | (short & (problem | (words & (numbers | worked | _has(view.answer, LATEX)))))
    return found


def _safety(view: View) -> np.ndarray:
    asked = _has(view.start, HARM) & ~_has(view.start, RETELL)
    declined = _has(view.first, REFUSE) & (_has(view.answer, MORAL) | _has(view.answer, MORAL_TALK))
    hate = _has(view.start, HATE) & _has(view.answer, MORAL_TALK)
    found: np.ndarray = declined | (asked & (_has(view.answer, MORAL) | hate))
    return found


def _any(hits: np.ndarray, record: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros(n, bool)
    out[record[hits]] = True
    return out


def _has(texts: pa.Array, pattern: str) -> np.ndarray:
    return _true(pc.match_substring_regex(texts, pattern))


def _true(values: pa.Array) -> np.ndarray:
    flags: np.ndarray = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return flags
