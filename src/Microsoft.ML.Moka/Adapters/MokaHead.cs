namespace Microsoft.ML.Moka;

/// <summary>How a tuned backbone comes to the scores of a row.</summary>
public enum MokaHead
{
    /// <summary>
    /// By the likelihood of each label's words after the prompt: nothing is trained beside the adapter, and what the backbone knows of the words helps where
    /// there are few examples. A row costs its prompt and the tokens of all labels.
    /// </summary>
    Words,

    /// <summary>
    /// By a linear layer over the last token's hidden state, trained in float32 together with the adapter, as transformers' <c>ForSequenceClassification</c>
    /// and PEFT's <c>SEQ_CLS</c> have it. Labels are numbers to it and need no words; a row costs its prompt, however many labels there are.
    /// </summary>
    LastToken,

    /// <summary>The same over the mean of all tokens' hidden states, which transformers and PEFT have no class for.</summary>
    Mean,
}
