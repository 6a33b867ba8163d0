"""The grammar's own words, written for this package. `vocabulary.py` adds the recognizer's dictionary."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


def _lines(text: str) -> list[str]:
    return text.strip().replace("\n", "|").split("|")


NOUNS = _words(
    """
man woman child boy girl baby friend neighbor teacher student doctor nurse farmer driver pilot sailor soldier
painter writer singer dancer cook baker waiter lawyer judge mayor king queen prince captain guard thief hunter
fisherman carpenter engineer mechanic plumber clerk manager boss partner guest visitor tourist stranger cousin
uncle aunt brother sister mother father grandfather grandmother son daughter husband wife dog cat horse cow
sheep goat pig chicken duck goose rabbit mouse fox wolf bear lion tiger elephant monkey snake frog turtle fish
shark whale bird eagle owl crow bee spider butterfly house home room kitchen bedroom bathroom garden garage roof
wall floor door window table chair bed desk lamp mirror carpet curtain shelf drawer box bag basket bottle cup
glass plate bowl spoon fork knife pan pot stove oven fridge clock watch phone radio television computer keyboard
screen camera battery book letter paper pencil pen newspaper magazine map ticket photograph picture song story
poem joke game ball doll toy bicycle car truck bus train plane boat ship bridge road street corner station
airport harbor hotel restaurant cafe shop market bank office factory school college library museum theater
church hospital prison park forest field farm hill mountain valley river lake ocean beach island desert cave
cliff stone rock sand grass flower rose tree leaf branch root seed apple pear orange lemon banana cherry grape
peach potato tomato onion carrot cabbage pumpkin bread butter cheese egg milk cream sugar salt pepper soup salad
sandwich cake cookie candy coffee tea juice water wine beer meat rain snow ice wind storm cloud sky sun moon
star fire smoke shadow light sound voice noise music dream idea plan question answer problem reason lesson rule
law price bill gift prize secret promise mistake accident journey holiday birthday wedding party meeting morning
evening night winter summer spring autumn hammer nail rope ladder bucket shovel needle thread button shirt coat
jacket dress skirt hat shoe boot glove scarf sweater pocket ring necklace coin purse umbrella blanket pillow
towel soap brush medicine bandage engine wheel tire tunnel tower castle palace village town city country border
flag army battle statue fountain bench fence gate path cottage barn lighthouse candle match feather bone skin
heart hand finger thumb foot knee shoulder elbow neck nose mouth tooth tongue ear eye hair beard
"""
)

PLURALS = _words(
    """
people children friends neighbors teachers students doctors workers soldiers sailors visitors parents brothers
sisters dogs cats horses sheep birds fish bees houses rooms walls windows doors chairs tables books letters
pictures stories songs games cars trucks buses trains boats ships bridges roads streets shops farms fields hills
mountains rivers islands stones trees flowers leaves apples oranges potatoes tomatoes eggs cookies sandwiches
drinks clouds stars storms dreams ideas plans questions answers problems reasons lessons rules prices gifts
secrets promises mistakes holidays clothes shoes gloves buttons coins tickets keys candles matches wheels
engines numbers words names hours minutes days weeks months years hands feet teeth eyes fingers voices shadows
lights villages towns cities boxes bottles glasses plates
"""
)

MASS = _words(
    """
water bread music money food time work love sugar salt milk coffee tea rain snow gold paper help news sleep air
advice art beauty butter cheese cotton courage danger dust education energy evidence fear fire freedom
friendship fruit fun furniture glass grass happiness health history honey hope ice information iron juice
knowledge laughter light luck luggage meat nature noise oil patience peace pepper plastic poetry power rice sand
silence silk silver smoke soap soup space steel sunlight traffic travel truth weather wine wisdom wood wool
"""
)

# base third-person past -ing; transitive verbs take an object
TRANSITIVE = _words(
    """
ask/asks/asked/asking bake/bakes/baked/baking borrow/borrows/borrowed/borrowing break/breaks/broke/breaking
bring/brings/brought/bringing build/builds/built/building buy/buys/bought/buying call/calls/called/calling
carry/carries/carried/carrying catch/catches/caught/catching change/changes/changed/changing
chase/chases/chased/chasing choose/chooses/chose/choosing clean/cleans/cleaned/cleaning
close/closes/closed/closing cook/cooks/cooked/cooking count/counts/counted/counting
cover/covers/covered/covering cut/cuts/cut/cutting deliver/delivers/delivered/delivering
describe/describes/described/describing destroy/destroys/destroyed/destroying
discover/discovers/discovered/discovering draw/draws/drew/drawing drink/drinks/drank/drinking
drive/drives/drove/driving drop/drops/dropped/dropping eat/eats/ate/eating enjoy/enjoys/enjoyed/enjoying
explain/explains/explained/explaining feed/feeds/fed/feeding feel/feels/felt/feeling fill/fills/filled/filling
find/finds/found/finding finish/finishes/finished/finishing fix/fixes/fixed/fixing
follow/follows/followed/following forget/forgets/forgot/forgetting get/gets/got/getting give/gives/gave/giving
grab/grabs/grabbed/grabbing hate/hates/hated/hating hear/hears/heard/hearing help/helps/helped/helping
hide/hides/hid/hiding hold/holds/held/holding invite/invites/invited/inviting keep/keeps/kept/keeping
know/knows/knew/knowing learn/learns/learned/learning leave/leaves/left/leaving lift/lifts/lifted/lifting
like/likes/liked/liking lock/locks/locked/locking lose/loses/lost/losing love/loves/loved/loving
make/makes/made/making measure/measures/measured/measuring meet/meets/met/meeting miss/misses/missed/missing
move/moves/moved/moving need/needs/needed/needing notice/notices/noticed/noticing open/opens/opened/opening
order/orders/ordered/ordering paint/paints/painted/painting pay/pays/paid/paying pick/picks/picked/picking
play/plays/played/playing plant/plants/planted/planting prepare/prepares/prepared/preparing
protect/protects/protected/protecting pull/pulls/pulled/pulling push/pushes/pushed/pushing
read/reads/read/reading recognize/recognizes/recognized/recognizing remember/remembers/remembered/remembering
remove/removes/removed/removing repair/repairs/repaired/repairing repeat/repeats/repeated/repeating
save/saves/saved/saving see/sees/saw/seeing sell/sells/sold/selling send/sends/sent/sending
shake/shakes/shook/shaking share/shares/shared/sharing show/shows/showed/showing shut/shuts/shut/shutting
sign/signs/signed/signing smell/smells/smelled/smelling steal/steals/stole/stealing
study/studies/studied/studying take/takes/took/taking taste/tastes/tasted/tasting teach/teaches/taught/teaching
throw/throws/threw/throwing touch/touches/touched/touching trust/trusts/trusted/trusting
understand/understands/understood/understanding use/uses/used/using visit/visits/visited/visiting
want/wants/wanted/wanting wash/washes/washed/washing watch/watches/watched/watching wear/wears/wore/wearing
win/wins/won/winning write/writes/wrote/writing
"""
)

INTRANSITIVE = _words(
    """
agree/agrees/agreed/agreeing appear/appears/appeared/appearing arrive/arrives/arrived/arriving
bark/barks/barked/barking begin/begins/began/beginning belong/belongs/belonged/belonging
breathe/breathes/breathed/breathing climb/climbs/climbed/climbing come/comes/came/coming
complain/complains/complained/complaining cough/coughs/coughed/coughing crawl/crawls/crawled/crawling
cry/cries/cried/crying dance/dances/danced/dancing disappear/disappears/disappeared/disappearing
dream/dreams/dreamed/dreaming drift/drifts/drifted/drifting escape/escapes/escaped/escaping
fall/falls/fell/falling fight/fights/fought/fighting float/floats/floated/floating fly/flies/flew/flying
freeze/freezes/froze/freezing go/goes/went/going grow/grows/grew/growing happen/happens/happened/happening
hesitate/hesitates/hesitated/hesitating hurry/hurries/hurried/hurrying jump/jumps/jumped/jumping
kneel/kneels/knelt/kneeling knock/knocks/knocked/knocking laugh/laughs/laughed/laughing lie/lies/lay/lying
listen/listens/listened/listening live/lives/lived/living look/looks/looked/looking
march/marches/marched/marching nod/nods/nodded/nodding pray/prays/prayed/praying rest/rests/rested/resting
return/returns/returned/returning ride/rides/rode/riding rise/rises/rose/rising roll/rolls/rolled/rolling
run/runs/ran/running sail/sails/sailed/sailing shine/shines/shone/shining shout/shouts/shouted/shouting
sing/sings/sang/singing sit/sits/sat/sitting sleep/sleeps/slept/sleeping slide/slides/slid/sliding
smile/smiles/smiled/smiling sneeze/sneezes/sneezed/sneezing speak/speaks/spoke/speaking
stand/stands/stood/standing stay/stays/stayed/staying stop/stops/stopped/stopping swim/swims/swam/swimming
talk/talks/talked/talking travel/travels/traveled/traveling tremble/trembles/trembled/trembling
vanish/vanishes/vanished/vanishing wait/waits/waited/waiting wake/wakes/woke/waking walk/walks/walked/walking
wander/wanders/wandered/wandering whisper/whispers/whispered/whispering whistle/whistles/whistled/whistling
work/works/worked/working worry/worries/worried/worrying yawn/yawns/yawned/yawning
"""
)

ADJECTIVES = _words(
    """
old young new big small large little tall short long wide narrow thick thin heavy light fast slow quick early
late hot cold warm cool wet dry clean dirty soft hard smooth rough sharp dull bright dark loud quiet strong weak
rich poor cheap expensive full empty open closed happy sad angry calm brave shy proud lonely tired hungry
thirsty sleepy sick healthy busy lazy clever silly wise careful careless friendly polite rude honest kind cruel
gentle famous strange ordinary common rare perfect broken fresh rotten sweet sour bitter salty spicy delicious
beautiful ugly pretty lovely handsome wonderful terrible awful excellent important simple difficult easy
dangerous safe possible impossible true false real wooden golden silver red blue green yellow black white brown
gray purple pink orange round square flat steep deep shallow high low empty crowded noisy peaceful modern
ancient foreign local favorite special curious nervous excited patient serious funny gloomy cheerful generous
greedy
"""
)

ADVERBS = _words(
    """
quickly slowly quietly loudly carefully happily sadly angrily suddenly gently bravely easily badly nicely softly
warmly finally usually often sometimes always never rarely soon already again together alone outside inside
upstairs downstairs everywhere nearby far away early late today tomorrow yesterday tonight politely patiently
nervously clearly simply exactly almost perhaps certainly probably really truly completely hardly
"""
)

NAMES = _words(
    """
Anna Ben Carol David Emma Frank Grace Henry Irene Jack Kate Leo Maria Nathan Olivia Paul Rachel Simon Tom Victor
Alice Bob Charlie Diana Edward Fiona George Helen Ivan Julia Kevin Laura Michael Nancy Oscar Peter Rose Sam
Teresa William Amy Brian Claire Daniel Ellen Fred Hannah James Karen Lucy Mark Nora Patrick Robert Sarah Thomas
Walter Susan Arthur Betty Chris
"""
)

SURNAMES = _words(
    """
Smith Johnson Brown Taylor Miller Wilson Moore Anderson Jackson White Harris Martin Thompson Young King Wright
Hill Green Baker Adams Nelson Carter Mitchell Roberts Turner Phillips Campbell Parker Evans Edwards Collins
Stewart Morris Rogers Reed Cook Morgan Bell Murphy Bailey Cooper Richardson Cox Howard Ward Peterson Gray Watson
Brooks Kelly Sanders Price Bennett Wood
"""
)

PLACES = _words(
    """
London Paris Berlin Rome Madrid Vienna Moscow Boston Chicago Dallas Denver Seattle Houston Phoenix Atlanta Miami
Detroit Portland Toronto Montreal Sydney Tokyo Beijing Delhi Cairo Athens Dublin Amsterdam Stockholm Texas
California Florida Alaska Ohio Virginia Oregon Canada Mexico Brazil Chile Egypt Kenya India China Japan Korea
Australia England Scotland Ireland France Germany Spain Italy Greece Turkey Russia Poland Sweden Norway Finland
Denmark Holland Switzerland Austria Portugal
"""
)

MONTHS = _words("January February March April May June July August September October November December")
WEEKDAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")

SHORT = _lines(
    """
Yes.|No.|Stop.|Go.|Hello.|Hi.|Goodbye.|Thanks.|Please.|Sorry.|Wait.|Listen.|Look.|Now.|Never.|Maybe.|Really?
Why?|Who?|When?|Where?|How?|What?|Okay.|Fine.|Good.|Great!|Help!|Help me.|Come in.|Sit down.|Stand up.
Be quiet.|Be careful.|Hurry up.|Slow down.|Come here.|Go away.|Of course.|No way.|Not yet.|Not now.
Not at all.|Good morning.|Good night.|Good evening.|Good afternoon.|Good luck.|Well done.|Thank you.
Thank you very much.|You're welcome.|Excuse me.|I'm sorry.|I see.|I know.|I agree.|I don't know.|I think so.
I hope so.|I doubt it.|That's right.|That's wrong.|That's all.|So what?|What now?|What's up?|What time is it?
Who is it?|Who are you?|How are you?|Where is it?|Where are we?|Why not?|Are you sure?|Is it true?|Can I help?
Let's go.|Let's see.|Let it go.|Leave it.|Try again.|Once more.|Never mind.|Take care.|Watch out!|Get up.
Wake up.|Keep going.|Turn left.|Turn right.|Go straight on.|Happy birthday!|Welcome home.|See you later.
See you soon.|See you tomorrow.|Any questions?|Anything else?|Nothing else.|All right.|Right here.|Over there.
Up and down.|Here we go.|Here it is.|There you are.|It works.|It's late.|It's me.|Who knows?|Me too.
You first.
"""
)
