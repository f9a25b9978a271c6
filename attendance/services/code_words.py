"""The words of pairing codes: short, known to a child, read out and spelt in one way, and fit to stand on a wall.

Any two differ by at least three letters, so that a slip of the keyboard never turns one code into another.
"""

WORDS = tuple(
    """
    acorn almond alpine amber anchor antler apple apricot arrow aspen atlas autumn badger bamboo banjo barley basil basket
    beacon beaver beetle birch biscuit bison blossom bonnet boulder bramble breeze bridge brook buffalo butter cabin
    cactus camel candle canvas canyon captain cargo carpet cavern cedar cello cherry chestnut chimney cinema circle citrus
    clover cobalt coconut compass copper cotton crane cricket crocus crystal cuckoo cushion cypress dahlia daisy dolphin
    domino donkey dragon eagle echo elbow emerald falcon feather fennel fiddle flint flute forest fossil fountain galaxy
    garden garlic gazelle ginger giraffe glacier gondola granite gravel guitar hammock harvest helmet heron hickory
    hillside horizon iceberg igloo indigo island ivory jackal jaguar jasmine jigsaw jungle juniper kayak kestrel kitten
    koala lagoon lantern lapwing laurel lavender leopard lettuce lilac linen lizard lobster lotus lynx magnet magpie
    marble marigold marmot meadow meteor monsoon mosaic muffin mulberry mustard nectar nickel nutmeg ocean octopus olive
    opal orbit orchard osprey panda papaya pebble pelican pencil penguin petal pigeon pillow planet plum poplar poppy
    prairie prism pumpkin puzzle quail quarry quiver rabbit raccoon radish rainbow ribbon ruby saffron sapphire saturn
    scarf silver spinach spiral squirrel starling stork summit sunset swallow sycamore teapot temple thistle thunder
    tomato toucan trout trumpet tulip tundra turtle umbrella vanilla violin volcano waffle walnut weasel window wombat
    zebra
    """.upper().split()
)
