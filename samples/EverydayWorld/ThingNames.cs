namespace EverydayWorld;

/// <summary>What the things of the world are called: ordinary words, none of which is also a value of a relation.</summary>
internal static class ThingNames
{
    public static readonly string[] All = """
        kettle pan spoon fork knife ladle whisk grater peeler plate bowl cup mug saucer jug teapot tray
        toaster oven stove fridge freezer blender mixer juicer sieve colander funnel corkscrew napkin apron
        cooler thermos lunchbox basket jar bottle flask canister barrel bucket crate chest trunk suitcase
        backpack handbag purse wallet satchel pouch sack envelope parcel package carton drawer shelf cupboard
        wardrobe dresser desk table chair stool bench sofa couch armchair bed mattress pillow cushion blanket
        quilt duvet curtain carpet rug mat lamp candle lantern torch chandelier mirror vase clock alarm
        calendar poster frame statue ornament fireplace chimney radiator heater fan ladder hammer saw drill
        chisel screwdriver wrench spanner clamp vice nail screw bolt hinge handle knob lock key padlock chain
        rope cable hook anchor pulley lever crowbar axe hatchet shovel spade rake hoe pitchfork trowel
        wheelbarrow hose sprinkler mower bin broom mop sponge duster vacuum dustpan brush comb razor towel
        toothbrush bathtub basin sink tap shower toilet scale bandage syringe thermometer stethoscope crutch
        wheelchair stretcher pencil pen crayon marker eraser ruler compass stapler notebook diary ledger
        folder binder clipboard blackboard easel palette canvas stamp book magazine newspaper map globe atlas
        ticket postcard camera tripod lens telescope microscope magnet battery charger plug radio television
        computer keyboard printer scanner speaker headphone microphone telephone phone tablet router monitor
        calculator typewriter projector guitar violin cello piano flute trumpet trombone clarinet drum
        tambourine harp accordion banjo whistle bell gong xylophone ball bat racket net puck skate sled ski
        surfboard skateboard scooter bicycle tricycle helmet glove puppet doll robot kite balloon marble
        domino puzzle hoop swing seesaw trampoline tent hammock canoe kayak raft paddle oar sail yacht ferry
        wagon cart carriage tractor trailer truck van taxi bus tram train engine wheel tyre pedal saddle
        bridle harness stirrup horseshoe plough scarecrow beehive birdcage hat cap scarf coat jacket sweater
        shirt blouse vest skirt dress belt tie sock shoe boot sandal slipper mitten umbrella cane necklace
        bracelet ring earring brooch watch locket crown wig mask cape badge button zipper buckle ribbon needle
        thimble loom spindle pin bobbin kennel cage fence gate door window roof brick tile plank pillar arch
        bridge tunnel fountain pond flowerpot trellis greenhouse shed windmill kiln
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
}
