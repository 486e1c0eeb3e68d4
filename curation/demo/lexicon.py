"""The demo's words: lists of our own, zh and en. Pairs are (Chinese, English)."""

from __future__ import annotations

import random

EN_NAMES = (
    "Ada Bruno Celia Dmitri Elena Farid Greta Hugo Ines Jonas Kavya Leila Marco Nadia Omar Petra Quentin Rosa Samir Tessa "
    "Ugo Vera Wanda Xavier Yusuf Zora Anton Bianca Cyrus Daphne Emil Freya Gideon Hana Igor Judith Klaus Lucia Mateo Noor"
).split()
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕张孔曹严华金魏陶姜"
GIVEN = "安柏晨丹恩帆歌禾嘉可岚墨宁沛琪然思棠薇溪雅泽舟朗梅松青云河海星月"
SYLLABLES = "mar lo wen dar bri sol tan vel cor hai nim ost pel ra fen gal tor lin sha del quo zan mir ket bal".split()
PLACE_HAN = "青白金石云龙凤柳梅松竹溪湖河山岭川原泉沙南北东西安平永新长清"
ENDINGS = (("镇", "Town"), ("港", "Harbour"), ("湖", "Lake"), ("城", "City"), ("谷", "Valley"), ("岛", "Island"))

THINGS = tuple(tuple(p.split("|")) for p in (
    "苹果|apples 橘子|oranges 铅笔|pencils 邮票|stamps 贝壳|shells 纽扣|buttons 灯笼|lanterns 风筝|kites 鸡蛋|eggs 饼干|biscuits "
    "花盆|flower-pots 信封|envelopes 蜡烛|candles 杯子|cups 毛巾|towels 帽子|hats 砖块|bricks 齿轮|gears 电池|batteries 书签|bookmarks "
    "地图|maps 石榴|pomegranates 核桃|walnuts 瓶子|bottles 螺丝|screws 鼓|drums 篮子|baskets 棋子|chessmen 钥匙|keys 镜子|mirrors"
).split())  # fmt: skip
PLACES = tuple(tuple(p.split("|")) for p in (
    "图书馆|library 市场|market 车站|station 果园|orchard 工厂|factory 学校|school 码头|pier 面包房|bakery 剧院|theatre 花园|garden "
    "博物馆|museum 农场|farm 医院|hospital 邮局|post-office 操场|playground 茶馆|teahouse 仓库|warehouse 广场|square"
).split())  # fmt: skip
TIMES = tuple(tuple(p.split("|")) for p in (
    "星期一|on_Monday 星期二|on_Tuesday 星期三|on_Wednesday 星期四|on_Thursday 星期五|on_Friday 周末|at_the_weekend 清晨|at_dawn "
    "傍晚|at_dusk 午后|after_noon 春天|in_spring 夏天|in_summer 秋天|in_autumn 冬天|in_winter 昨天|yesterday 去年|last_year 半夜|at_midnight"
).split())  # fmt: skip
PEOPLE = tuple(tuple(p.split("|")) for p in (
    "老师|the_teacher 渔夫|the_fisherman 医生|the_doctor 画家|the_painter 司机|the_driver 厨师|the_cook 木匠|the_carpenter "
    "园丁|the_gardener 船长|the_captain 裁缝|the_tailor 邻居|the_neighbour 学生|the_student 记者|the_reporter 琴师|the_fiddler "
    "铁匠|the_blacksmith 猎人|the_hunter 药师|the_chemist 信使|the_messenger"
).split())  # fmt: skip
DEEDS = tuple(tuple(p.split("|")) for p in (
    "买了|bought 卖掉了|sold 找到了|found 弄丢了|lost 擦亮了|polished 数了数|counted 藏起了|hid 借走了|borrowed 修好了|repaired "
    "送出了|gave_away 画下了|drew 带来了|brought 打碎了|broke 换掉了|replaced 包好了|wrapped 称了称|weighed"
).split())  # fmt: skip
ADJECTIVES = tuple(tuple(p.split("|")) for p in (
    "旧|old 新|new 红色的|red 蓝色的|blue 沉重的|heavy 轻巧的|light 潮湿的|damp 温暖的|warm 冰冷的|cold 干净的|clean 破损的|torn "
    "闪亮的|shiny 古怪的|odd 精致的|fine 粗糙的|rough 安静的|quiet 明亮的|bright 昏暗的|dim 空空的|empty 巨大的|huge"
).split())  # fmt: skip
SCENES = tuple(tuple(p.split("|")) for p in (
    "月光|moonlight 雾气|fog 铃声|a_bell 雨水|rain 炊烟|smoke 落叶|leaves 海浪|waves 灯火|lamps 雪花|snow 风声|wind 歌声|a_song "
    "钟声|chimes 影子|shadows 芦苇|reeds 萤火|fireflies 尘土|dust 霜|frost 晚霞|the_sunset 虫鸣|crickets 溪水|a_stream"
).split())  # fmt: skip
MOTIONS = tuple(tuple(p.split("|")) for p in (
    "漫过|drifts_over 落在|falls_on 绕着|circles 穿过|crosses 照亮|lights 盖住|covers 唤醒|wakes 追赶|follows 轻抚|brushes 敲打|taps "
    "送别|leaves 浸湿|soaks 守着|guards 染红|reddens 吹开|parts 寻找|seeks"
).split())  # fmt: skip


def both(rng: random.Random, pairs: tuple[tuple[str, ...], ...]) -> tuple[str, str]:
    """Pick a word in Chinese and English."""
    han, latin = rng.choice(pairs)
    return han, latin.replace("_", " ")


def zh(rng: random.Random, pairs: tuple[tuple[str, ...], ...]) -> str:
    """Pick a Chinese word."""
    return both(rng, pairs)[0]


def en(rng: random.Random, pairs: tuple[tuple[str, ...], ...]) -> str:
    """Pick an English word."""
    return both(rng, pairs)[1]


def zh_name(rng: random.Random) -> str:
    """Make up a Chinese name."""
    return rng.choice(SURNAMES) + rng.choice(GIVEN) + (rng.choice(GIVEN) if rng.random() < 0.6 else "")


def zh_place(rng: random.Random) -> str:
    """Make up a Chinese place."""
    return rng.choice(PLACE_HAN) + rng.choice(PLACE_HAN) + rng.choice(ENDINGS)[0]


def en_place(rng: random.Random) -> str:
    """Make up an English place."""
    return "".join(rng.choices(SYLLABLES, k=rng.randint(2, 3))).capitalize() + " " + rng.choice(ENDINGS)[1]
