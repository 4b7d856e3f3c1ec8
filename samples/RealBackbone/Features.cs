using Microsoft.ML.Trainers;

namespace RealBackbone;

/// <summary>What ML.NET has without a language model, to stand beside each figure.</summary>
internal static class Features
{
    /// <summary>The trainer's own defaults, on one thread: several give another model each time.</summary>
    public static SdcaMaximumEntropyMulticlassTrainer.Options Options => new() { NumberOfThreads = 1 };
}
