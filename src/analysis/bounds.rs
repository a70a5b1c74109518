//! Campaigns that ask where something was used: one bit for each of their predicates whose conditions on the place hold.
//! Uses are kept apart by place only where such a campaign asks for their credential.

use crate::evidence::{
    Campaign, Credential, Track,
    campaign::{MAX_CAMPAIGNS, Predicate},
};

/// The predicates with conditions on the place, of all campaigns.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    predicates: Vec<(u32, Predicate)>,
    /// By credential: the bits of the predicates that take it.
    masks: [u32; Credential::ALL.len()],
}

impl Bounds {
    pub(super) fn new(campaigns: &[Campaign]) -> Self {
        let of = |(number, campaign): (usize, &Campaign)| {
            [(legacy_bit(number), campaign.legacy.clone()), (replacement_bit(number), campaign.replacement.clone())]
        };
        let all = campaigns.iter().take(MAX_CAMPAIGNS).enumerate().flat_map(of);
        let predicates: Vec<(u32, Predicate)> = all.filter(|(_, predicate)| predicate.is_bound()).collect();
        let mut masks = [0; Credential::ALL.len()];
        for credential in Credential::ALL {
            let taking = predicates.iter().filter(|(_, predicate)| predicate.takes(*credential));
            masks[*credential as usize] = taking.fold(0, |bits, (bit, _)| bits | bit);
        }
        Self { predicates, masks }
    }

    /// The bits of the predicates whose conditions on the place a track fulfils.
    pub(super) fn fits(&self, track: &Track) -> u32 {
        let fits = |predicate: &Predicate| predicate.fits(track.host.as_deref(), track.workspace.as_deref());
        self.predicates.iter().filter(|(_, predicate)| fits(predicate)).fold(0, |bits, (bit, _)| bits | bit)
    }

    /// What of them counts for a credential.
    pub(super) fn marks(&self, fits: u32, credential: Credential) -> u32 {
        fits & self.masks[credential as usize]
    }
}

/// The bit of a campaign's legacy predicate, by the campaign's number.
pub(super) fn legacy_bit(campaign: usize) -> u32 {
    1 << (2 * campaign)
}

pub(super) fn replacement_bit(campaign: usize) -> u32 {
    2 << (2 * campaign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_predicate_of_every_campaign_has_a_bit_of_its_own() {
        let bits = (0..MAX_CAMPAIGNS).flat_map(|number| [legacy_bit(number), replacement_bit(number)]);
        bits.fold(0, |others, bit| {
            assert_eq!((bit.count_ones(), others & bit), (1, 0), "{bit:b}");
            others | bit
        });
    }
}
