"""Words for nationalities, peoples, religions and political groups, case folded, in English and six more languages."""

from __future__ import annotations

from functools import lru_cache

_PEOPLES = """
afghan albanian algerian american andorran angolan argentine argentinian argentinean armenian australian aussie
austrian azerbaijani azeri bahamian bahraini bangladeshi barbadian basotho belarusian belarussian belgian belizean
beninese bhutanese bolivian bosnian herzegovinian botswanan brazilian briton british brit bruneian bulgarian burkinabe
burmese burundian cambodian cameroonian canadian chadian chilean chinese colombian comoran congolese croatian croat
cuban cypriot czech dane danish djiboutian dominican dutch dutchman dutchwoman ecuadorian ecuadorean egyptian emirati
english englishman englishwoman eritrean estonian ethiopian fijian filipino filipina finn finnish french frenchman
frenchwoman gabonese gambian georgian german ghanaian greek greenlander greenlandic grenadian guatemalan guinean
guyanese haitian honduran hungarian icelander icelandic indian indonesian iranian iraqi irish irishman irishwoman
israeli italian ivorian jamaican japanese jordanian kazakh kazakhstani kenyan korean kosovar kuwaiti kyrgyz lao
laotian latvian lebanese lesothan liberian libyan liechtensteiner lithuanian luxembourger macedonian malagasy malawian
malaysian maldivian malian maltese mauritanian mauritian mexican micronesian moldovan monegasque mongolian montenegrin
moroccan mozambican namibian nepalese nepali netherlander kiwi nicaraguan nigerian nigerien norwegian omani pakistani
palauan palestinian panamanian papuan paraguayan peruvian pole polish portuguese qatari romanian russian rwandan
salvadoran salvadorian samoan saudi scot scottish scotsman scotswoman senegalese serb serbian seychellois singaporean
slovak slovakian slovene slovenian somali spaniard spanish sudanese surinamese swazi swede swedish swiss syrian
taiwanese tajik tanzanian thai tibetan timorese togolese tongan trinidadian tunisian turk turkish turkmen tuvaluan
ugandan ukrainian uruguayan uzbek vanuatuan venezuelan vietnamese welsh welshman welshwoman yemeni yugoslav
yugoslavian soviet leonean zealander lankan rican zambian zimbabwean texan californian hawaiian alaskan quebecois
bavarian breton sicilian catalan basque galician corsican flemish fleming walloon frisian afrikaner arab arabic
hispanic latino latina latinx asian african european caucasian eurasian caribbean scandinavian slav slavic balkan
nordic maori aboriginal inuit eskimo cherokee navajo sioux apache kurd kurdish chechen tatar tartar uyghur uighur hutu
tutsi zulu xhosa yoruba igbo hausa berber tuareg bedouin pashtun punjabi bengali tamil sinhalese gujarati sikh roma
romani gypsy sami ossetian abkhaz crimean rohingya hmong druze circassian assyrian aramean persian ottoman
"""
_BELIEFS = """
muslim moslem islamic islamist shia shiite shi'ite sunni sufi ahmadi christian catholic protestant lutheran calvinist
anglican episcopalian methodist baptist presbyterian pentecostal evangelical mennonite amish quaker mormon adventist
jew jewish judaic hasidic zionist hindu buddhist jain taoist shinto sikh baha'i bahai zoroastrian rastafarian
rastafari pagan wiccan atheist agnostic scientologist copt coptic maronite democrat republican tory communist marxist
leninist stalinist trotskyist maoist socialist nazi fascist anarchist libertarian peronist gaullist thatcherite
islamophobe baathist ba'athist falangist jihadist separatist unionist
"""
_OTHER_LANGUAGES = """
deutscher deutsche deutschen deutsches franzose französin französische französischer engländer engländerin englische
britische britischer brite britin italiener italienerin italienische italienischer spanier spanierin spanische
spanischer türke türkin türkische türkischer russe russin russische russischer pole polin polnische polnischer
österreicher österreicherin österreichische schweizer schweizerin niederländer niederländerin niederländische däne
dänin dänische schwede schwedin schwedische norweger norwegerin norwegische grieche griechin griechische amerikaner
amerikanerin amerikanische amerikanischer chinese chinesin chinesische japaner japanerin japanische ukrainer
ukrainerin ukrainische rumäne rumänin rumänische ungar ungarin ungarische syrer syrerin syrische afghane afghanin
muslimin muslime muslimische muslimischer christin christen christliche jude jüdin juden jüdische jüdischer katholik
katholikin katholische katholischer protestantin evangelische evangelischer buddhistin hinduistische allemand
allemande allemands allemandes français française françaises anglais anglaise anglaises britannique italien italienne
italiens italiennes espagnol espagnole espagnols portugais portugaise belge belges suisse suisses néerlandais
néerlandaise américain américaine américains chinois chinoise japonais japonaise russe russes polonais polonaise turc
turque turcs algérien algérienne algériens marocain marocaine marocains tunisien tunisienne sénégalais ivoirien
camerounais malien roumain roumaine ukrainien ukrainienne grec grecque canadien canadienne québécois musulman
musulmane musulmans chrétien chrétienne chrétiens juif juive juifs catholique catholiques protestante bouddhiste
hindou alemán alemana alemanes francés francesa franceses inglés inglesa británico británica italiano italiana
italianos español española españoles españolas portugués portuguesa estadounidense estadounidenses americano americana
mexicano mexicana mexicanos argentino argentina argentinos colombiano colombiana chileno chilena peruano peruana
venezolano venezolana cubano cubana ecuatoriano boliviano uruguayo paraguayo chino japonés japonesa ruso rusa polaco
polaca turco turca marroquí rumano rumana musulmán musulmana cristiano cristiana católico católica judío judía budista
catalán catalana vasco vasca tedesco tedesca tedeschi francese francesi inglese inglesi britannico spagnolo spagnola
portoghese americani cinese giapponese russo russa polacco polacca rumeno rumena albanese marocchino svizzero svizzera
greco greca ucraino ucraina musulmano musulmani ebreo ebrea ebrei cattolico cattolica buddista duitser duitse duitsers
fransman franse engelsman engelse britse italiaan italiaanse spanjaard spaanse nederlander nederlandse nederlands
belgische turkse marokkaan marokkaanse surinaamse amerikaanse chinees chinese russische poolse joodse jood katholiek
katholieke moslims islamitische christelijke alemão alemã alemães francês francesa inglês inglesa espanhol espanhola
português portuguesa portugueses brasileiro brasileira brasileiros angolano angolana moçambicano americano chinês
japonês russo polonês italiano muçulmano muçulmana cristão cristã católico judeu judia
"""
_ONLY_CAPITAL = """
argentina apache balkan belge berber brit caribbean christian christin chino dane druze evangelical finn fleming grec
greca greco igbo jain kiwi lao latina liberal libertarian mali maori navajo orthodox pagan persian pole polish quaker
republican roma rusa russe sami separatist sioux slav suisse swede tatar tartar turca turco turk turkmen unionist
anarchist democrat scot scotsman welsh saudita samoan cara polo polonês christen juden
"""
"""Words that small letters make another word, or too often do."""


@lru_cache(maxsize=1)
def demonyms() -> frozenset[str]:
    """All the words, with English plurals."""
    english = f"{_PEOPLES} {_BELIEFS}".split()
    plurals = {f"{word}s" for word in english if not word.endswith(("s", "sh", "ch", "ese", "man", "woman"))}
    return frozenset({*english, *plurals, "englishmen", "frenchmen", "gypsies", "tories", *_OTHER_LANGUAGES.split()})


def is_demonym(word: str, capital: bool) -> bool:
    """Whether a case-folded word names a people, a faith or a political group; more is asked of small letters."""
    return word in demonyms() and (capital or word not in _only_capital())


@lru_cache(maxsize=1)
def _only_capital() -> frozenset[str]:
    return frozenset(_ONLY_CAPITAL.split())
