using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>The backbone's own bias of a linear map, trained beside the adapter: PEFT's <c>bias</c>.</summary>
/// <param name="Map">The map.</param>
/// <param name="Name">What files call it, which depends on whether the map has an adapter.</param>
internal sealed record TrainedBias(MapShape Map, string Name);

/// <summary>Which biases a configuration of PEFT's, and the tensors beside it, have trained.</summary>
internal static class TrainedBiases
{
    public const string Field = "bias";
    public const string None = "none";

    /// <exception cref="InvalidDataException">A bias belongs to a map that has none, or the field is not understood.</exception>
    public static IReadOnlyList<TrainedBias> Read(JsonFields fields, SafetensorsFile tensors, IReadOnlyList<MapShape> maps, BackboneShape shape)
    {
        if (Kind(fields) == None)
            return [];
        var biases = new List<TrainedBias>();
        foreach (var map in maps)
        {
            foreach (var name in (string[])["base_layer.bias", "bias"])
            {
                if (!tensors.Contains(AdapterTensors.NameOf(map, name)))
                    continue;
                if (!shape.BiasedMaps.Contains(map.Name))
                    throw tensors[AdapterTensors.NameOf(map, name)].Invalid("is a bias, and the backbone has none there: the adapter belongs to another one");
                biases.Add(new TrainedBias(map, name));
                break;
            }
        }
        return biases;
    }

    /// <summary>"none", "all", "lora_only" or, of MiSS, "MiSS_only". What is trained, the tensors say: PEFT stores no bias for "lora_only".</summary>
    public static string Kind(JsonFields fields)
    {
        var kind = fields.Text(Field, None);
        return kind is None or "all" or "lora_only" or "MiSS_only" ? kind : throw fields.Error(Field, $"is '{kind}'; there are none, all and lora_only");
    }
}
