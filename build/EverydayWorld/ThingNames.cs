namespace EverydayWorld;

/// <summary>What the things of the world are called: ordinary words, none of which is also a value of a relation.</summary>
internal static class ThingNames
{
    public static readonly string[] All = """
        kettle pan spoon fork knife ladle whisk peeler plate bowl cup mug saucer jug teapot tray toaster oven
        stove fridge freezer blender mixer juicer sieve colander funnel napkin apron cooler thermos lunchbox
        basket jar bottle flask barrel bucket crate chest trunk suitcase backpack handbag purse wallet pouch
        sack envelope parcel package carton drawer shelf cupboard wardrobe dresser desk table chair stool
        bench sofa couch armchair bed mattress pillow cushion blanket quilt duvet curtain carpet rug mat lamp
        candle lantern torch chandelier mirror vase clock alarm calendar poster frame statue ornament
        fireplace chimney radiator heater fan ladder hammer saw drill chisel screwdriver wrench spanner nail
        screw bolt handle knob lock key padlock chain rope cable hook anchor lever axe hatchet shovel spade
        rake hoe wheelbarrow hose sprinkler mower bin broom mop sponge vacuum dustpan brush comb razor towel
        toothbrush bathtub sink tap shower toilet scale bandage syringe thermometer stethoscope crutch
        wheelchair stretcher pencil pen crayon marker ruler compass stapler notebook diary folder clipboard
        blackboard canvas stamp book magazine newspaper map globe atlas ticket postcard camera tripod
        telescope microscope magnet battery charger plug radio television computer keyboard printer scanner
        speaker headphone microphone telephone phone tablet monitor calculator typewriter projector guitar
        violin cello piano flute trumpet trombone clarinet drum harp accordion banjo whistle bell xylophone
        ball bat racket net skate sled ski surfboard skateboard scooter bicycle tricycle helmet glove puppet
        doll robot kite balloon marble domino puzzle swing trampoline tent hammock canoe kayak paddle oar sail
        yacht ferry wagon cart carriage tractor trailer truck van taxi bus tram train engine wheel pedal
        saddle bridle harness horseshoe plough scarecrow beehive birdcage hat cap scarf coat jacket sweater
        shirt blouse skirt dress belt tie sock shoe boot sandal slipper mitten umbrella necklace bracelet ring
        earring brooch watch locket crown wig mask cape button zipper buckle ribbon needle thimble loom pin
        kennel cage fence gate door window roof brick tile plank pillar arch bridge tunnel fountain
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
}
