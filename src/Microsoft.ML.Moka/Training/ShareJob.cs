using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka.Training;

/// <summary>What a worker has to have so that its gradients have the bits of the run.</summary>
/// <param name="Backbone">The frozen backbone.</param>
/// <param name="Exchange">How gradients are sent.</param>
internal sealed record ShareJob(JobBackbone Backbone, MokaExchange Exchange);
