namespace Microsoft.ML.Moka;

/// <summary>How the learning rate goes down once the warm-up has brought it to its full value.</summary>
public enum LearningRateSchedule
{
    /// <summary>Along half a cosine wave.</summary>
    Cosine,

    /// <summary>Along a straight line.</summary>
    Linear,

    /// <summary>It stays.</summary>
    Constant,
}
