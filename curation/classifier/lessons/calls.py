"""Lessons in tool use: ordinary questions, put to a model that may call tools, in the forms in which the field writes that.

A source of tool calls knows one form of declaring and calling, so a model trained on it knows that form alone. The forms here
are those of public documentation: OpenAI's function calling, Hermes and Qwen (`<tool_call>`), Glaive (`<functioncall>`), ReAct
(https://arxiv.org/abs/2210.03629), Toolformer (https://arxiv.org/abs/2302.04761), Gorilla and Llama 3 (calls in Python).
The tools and their descriptions are this project's own. No form is taken from a source that the model is tested on: with those
of one family added, that family is found and the figure is no longer one of sources never seen (docs/DECISIONS.md).
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace

import orjson

from curation.classifier.lessons.talk import Talk


@dataclass(frozen=True)
class Tool:
    """A tool: its name, what its argument is called, what it does in English and in Chinese."""

    name: str
    argument: str
    en: str
    zh: str


TOOLS = (
    Tool("search", "query", "Searches the web and returns the best pages", "在网上搜索并返回最相关的网页"),
    Tool("encyclopedia", "title", "Looks up an article of an encyclopedia", "查阅百科全书里的词条"),
    Tool("calculator", "expression", "Works out an expression of numbers", "计算一个数学表达式"),
    Tool("python", "code", "Runs a piece of Python and returns what it prints", "运行一段Python代码并返回输出"),
    Tool("get_weather", "city", "Tells the weather of a city", "查询一个城市的天气"),
    Tool("translate", "text", "Puts a text into another language", "把文本翻译成另一种语言"),
    Tool("get_calendar_events", "date", "Lists the appointments of a day", "列出某一天的日程"),
    Tool("send_email", "body", "Sends an email to an address", "向一个地址发送电子邮件"),
    Tool("find_restaurant", "place", "Finds places to eat nearby", "查找附近的餐馆"),
    Tool("book_flight", "destination", "Books a seat on a flight", "预订机票"),
    Tool("convert_currency", "amount", "Converts an amount of money between currencies", "在两种货币之间换算金额"),
    Tool("get_stock_price", "symbol", "Tells the current price of a share", "查询股票的当前价格"),
    Tool("query_database", "sql", "Runs a query on the tables of a company", "在公司的数据表上执行查询"),
    Tool("create_reminder", "note", "Reminds the user of something later", "稍后提醒用户某件事"),
    Tool("lookup_word", "word", "Gives the meaning of a word", "给出一个词的含义"),
    Tool("draw_image", "prompt", "Makes a picture from a description", "根据描述生成图片"),
    Tool("read_file", "path", "Reads a file and returns its text", "读取文件并返回其中的文字"),
    Tool("play_music", "song", "Plays a song", "播放一首歌"),
)

INTRODUCED = {  # before the list of tools
    "en": (
        "You have access to the following tools:",
        "You may call one or more functions to help the user. Functions:",
        "Available tools",
        "Answer the question as well as you can. These tools are at hand:",
        "You are a helpful assistant with access to these functions. Use them if required:",
        "# Tools",
    ),
    "zh": (
        "你可以使用以下工具：",
        "你可以调用一个或多个函数来帮助用户。函数如下：",
        "可用的工具",
        "请尽量回答问题，必要时可借助这些工具：",
        "你是一个可以调用函数的助手，需要时请调用：",
        "# 工具",
    ),
}
TAKES = {"en": ("Input: {}", "Takes: {}"), "zh": ("输入：{}", "参数：{}")}
WONDERED = {
    "en": ("I should look this up first.", "I need a tool for this.", "Let me find out."),
    "zh": ("我需要先查一下。", "这个问题需要借助工具。", "让我查询一下。"),
}
LED = {
    "en": ("", "", "Let me check. ", "Sure. ", "Here is what I found: "),
    "zh": ("", "", "让我查一下。", "好的。", "查询结果是："),
}
ASKED_BACK = {
    "en": ("Of course. What exactly should I look for?", "I can do that for you. Please give me the details."),
    "zh": ("当然可以。请告诉我具体要查什么？", "我可以帮您处理，请提供详细信息。"),
}


def called(talk: Talk, chance: random.Random) -> Talk:
    """Return a talk with tools declared in its meta, its system prompt or its question, and an answer that calls one."""
    tools = chance.sample(TOOLS, chance.randint(1, 3))
    answer = _call(tools[0], talk, chance)
    where = chance.choice(("meta", "system", "user", "user"))
    if where == "meta":
        schemas = [_schema(tool, talk.lang) for tool in tools]
        meta = orjson.dumps({"tools": json.dumps(schemas, ensure_ascii=False)}).decode()
        return replace(talk, answer=answer, meta=meta)
    declared = _declared(tools, talk.lang, chance)
    if where == "system":
        return replace(talk, system=declared, answer=answer)
    asked = chance.choice(("", "Question: " if talk.lang == "en" else "问题："))
    return replace(talk, question=f"{declared}\n{asked}{talk.question}", answer=answer)


def _schema(tool: Tool, lang: str) -> dict[str, object]:
    """Return a tool as OpenAI's function calling declares it."""
    return {
        "name": tool.name,
        "description": tool.zh if lang == "zh" else tool.en,
        "parameters": {
            "type": "object",
            "properties": {tool.argument: {"type": "string"}},
            "required": [tool.argument],
        },
    }


def _declared(tools: list[Tool], lang: str, chance: random.Random) -> str:
    form = chance.randrange(3)
    lines = []
    for tool in tools:
        says, takes = tool.zh if lang == "zh" else tool.en, chance.choice(TAKES[lang]).format(tool.argument)
        lines.append(
            (
                json.dumps(_schema(tool, lang), ensure_ascii=False),
                f"{tool.name}: {says}. {takes}",
                f"{tool.name}({tool.argument}) - {says}",
            )[form]
        )
    return "\n".join([chance.choice(INTRODUCED[lang]), *lines])


def _call(tool: Tool, talk: Talk, chance: random.Random) -> str:
    lang, value = talk.lang, talk.question.split("\n")[-1][: chance.randint(4, 30)].strip(" ？?。.")
    call = json.dumps({"name": tool.name, "arguments": {tool.argument: value}}, ensure_ascii=False)
    led = chance.choice(LED[lang])
    return chance.choice(
        (
            call,
            call,
            f"{led}<tool_call>\n{call}\n</tool_call>",
            f"{led}<functioncall> {call}",
            f"Thought: {chance.choice(WONDERED[lang])}\nAction: {tool.name}\nAction Input: {value}",
            f"Action: {tool.name}[{value}]",
            f'{led}{tool.name}("{value}")',
            f"{led}{tool.name}({tool.argument}='{value}').",
            f"{led}[{tool.name}({value})]",
            chance.choice(ASKED_BACK[lang]),
        )
    )
