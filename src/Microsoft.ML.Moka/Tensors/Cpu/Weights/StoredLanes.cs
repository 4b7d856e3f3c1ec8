namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>How 32 neighbours in a row are laid out.</summary>
internal enum LaneForm
{
    /// <summary>Two in a byte, the first in its high half.</summary>
    Pairs,

    /// <summary>GGUF's sixteen bytes: the low halves are the first sixteen elements, the high halves the others.</summary>
    Halves,

    /// <summary>A signed byte for each.</summary>
    Bytes,

    Float32,

    BFloat16,

    Float16,
}

/// <summary>A panel's lanes of a weight over some depth, as they are stored.</summary>
internal readonly unsafe struct StoredLanes
{
    /// <summary>Where the first lane's elements or codes begin.</summary>
    public required byte* First { get; init; }

    /// <summary>From a lane to the next one.</summary>
    public required long LaneBytes { get; init; }

    /// <summary>From 32 depths to the next 32.</summary>
    public required int StepBytes { get; init; }

    /// <summary>A multiple of 32.</summary>
    public required int Depth { get; init; }

    public required LaneForm Form { get; init; }

    /// <summary>[depth / 32, lanes], for codes.</summary>
    public float* Scales { get; init; }

    /// <summary>What is added after scaling, [depth / 32, lanes]; null for nothing.</summary>
    public float* Least { get; init; }

    /// <summary>The 16 values of 4-bit codes.</summary>
    public float* Table { get; init; }

    /// <summary>What is read next where the rows that follow are: as many bytes as these lanes have, and as far on as their columns are.</summary>
    public required byte* Next { get; init; }
}
